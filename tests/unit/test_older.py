"""A deploy from an older commit than the deployed one is refused, where git knows that it is older."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler.provenance import kinship
from flowinfra.program.older import ALLOW, keys, older_problems
from tests.unit.components.compiled import plan
from tests.unit.test_provenance import git


class History:
    """A repository: two commits in a row, and one beside the second."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self.root = root
        git(root, "init", "-q", "-b", "main")
        self.old, self.new = self.commit("old"), self.commit("new")
        git(root, "checkout", "-q", "-b", "side", self.old)
        self.side = self.commit("side")

    def commit(self, message: str) -> str:
        git(self.root, "commit", "-q", "--allow-empty", "-m", message)
        return git(self.root, "rev-parse", "HEAD")


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.delenv(ALLOW, raising=False)
    return History(tmp_path / "tree")


def told(
    history: History, here: str | None, root: Path | None = None, flow: Any = None, **version: str
) -> tuple[list[str], list[str]]:
    """What is refused, and what is warned of, where `version` of LinearFlow is deployed."""
    warned: list[str] = []
    before = {"version:LinearFlow": {"digest": "another", "commit": history.new, **version}}
    found = older_problems([flow or plan("linear")], before, here, root or history.root, warned.append)
    return [str(problem) for problem in found], warned


def test_how_commits_stand_to_each_other(history: History) -> None:
    root, old, new, side = history.root, history.old, history.new, history.side
    assert kinship(root, old, new) == "older"
    assert kinship(root, new, old) == "newer"
    assert kinship(root, side, new) == "apart"
    assert kinship(root, new[:10], new) == kinship(root, "gone", "gone") == "same"
    assert kinship(root, "f" * 40, new) is None
    assert kinship(root.parent, old, new) is None


def test_a_clone_that_is_cut_off_does_not_know(history: History, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-single-branch", history.root.as_uri(), "cut")
    assert kinship(tmp_path / "cut", history.side, history.new) is None
    assert kinship(tmp_path / "cut", history.old, history.new) is None


def test_an_older_commit_is_refused(history: History) -> None:
    refused, warned = told(history, history.old)
    assert refused == [
        f"LinearFlow: commit {history.new[:12]} is deployed, which is newer than {history.old[:12]}: a deploy would "
        f"take its changes back. Check out a newer commit; or, to go back, run it with {ALLOW}=1 (a stack that may go "
        "back at any time has `flowinfra:allow_older: true`)"
    ]
    assert warned == []


def test_what_is_newer_or_the_same_is_not(history: History) -> None:
    assert told(history, history.new, commit=history.old) == ([], [])
    assert told(history, history.new) == ([], [])


def test_a_flow_that_does_not_change_is_of_any_commit(history: History) -> None:
    flow = plan("linear")
    assert told(history, history.old, digest=flow.compiled.digest) == ([], [])


def test_a_version_without_a_commit_is_not_compared(history: History) -> None:
    assert told(history, history.old, commit="") == ([], [])


def test_what_is_not_known_is_told(history: History) -> None:
    for commit, root, why in (
        (history.side, None, "they are of two branches"),
        ("f" * 40, None, "this clone lacks one of them"),
        (history.old, history.root.parent, "this clone lacks one of them"),
        (None, None, "is not in git"),
    ):
        refused, [warned] = told(history, commit, root)
        assert refused == []
        assert warned.startswith(f"LinearFlow: commit {history.new[:12]} is deployed, and whether ")
        assert why in warned


def test_it_can_be_asked_for(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW, "1")
    assert told(history, history.old) == ([], [])
    monkeypatch.setenv(ALLOW, "no")
    assert told(history, history.old)[0] == [f"{ALLOW} is 'no', allowed: 1, or leave it out"]


def test_a_renamed_flow_is_compared_with_what_it_was(history: History) -> None:
    warned: list[str] = []
    before = {"version:Old": {"digest": "another", "commit": history.new}}
    renamed = replace(plan("linear"), renamed_from="Old")
    assert [*older_problems([renamed], before, history.old, history.root, warned.append)]


def test_flows_of_one_name_have_an_output_each() -> None:
    flow = plan("linear")
    assert list(keys([flow, flow])) == ["LinearFlow", "LinearFlow (step-functions)"]
