"""What git knows of flows' folders, in work trees made here."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import provenance as provenance_module
from flowinfra.compiler.provenance import WorkTrees, provenance


def git(folder: Path, *words: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with a commit of two flows' folders."""
    root = tmp_path / "tree"
    for name in ("a", "b[1]"):
        (root / name).mkdir(parents=True)
        (root / name / "flow.py").write_text("")
    (root / ".gitignore").write_text("*.log\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-qm", "flows")
    return root


def test_commit_branch_and_changes(tree: Path) -> None:
    commit = git(tree, "rev-parse", "HEAD")
    clean = {"commit_sha": commit, "branch_name": "main", "has_uncommitted_changes": "false"}
    assert provenance(tree / "a") == clean
    (tree / "b[1]" / "new.py").write_text("")
    assert provenance(tree / "a") == clean
    (tree / "b[1]" / "flow.py").write_text("changed = True\n")
    assert provenance(tree / "a") == {**clean, "has_uncommitted_changes": "true"}
    git(tree, "checkout", "-q", "--detach")
    assert provenance(tree)["branch_name"] == "HEAD"


def test_there_is_nothing_to_know_before_a_commit_or_without_git(tmp_path: Path) -> None:
    assert provenance(tmp_path) == {}
    git(tmp_path, "init", "-q")
    assert provenance(tmp_path) == {}


def test_what_git_ignores_and_does_not_have(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / ".gitignore").write_text("*.log\n/build/\n")
    for name in ("a/z.py", "a/deep/é.py", "a/deep/x.log", "b[1]/new.py", "build/lib/made.py", "only/x.log"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("")
    (tmp_path / "outside.py").write_text("")
    (tree / "a" / "linked").symlink_to(tree / "build" / "lib")
    asked: list[str] = []
    ask = provenance_module._git

    def recorded(folder: str, *words: str) -> Any:
        asked.append(folder)
        return ask(folder, *words)

    monkeypatch.setattr(provenance_module, "_git", recorded)
    trees = WorkTrees()
    assert {
        name: trees.ignored(str(tree / name))
        for name in ("a/flow.py", "a/z.py", "a/deep/x.log", "a/linked/made.py", "build/lib/made.py", "only", "build")
    } == {
        "a/flow.py": None,
        "a/z.py": None,
        "a/deep/x.log": str(tree / "a/deep/x.log"),
        "a/linked/made.py": str(tree / "build"),
        "build/lib/made.py": str(tree / "build"),
        # all that is in it is ignored, it is not
        "only": None,
        "build": str(tree / "build"),
    }
    assert not trees.ignores(str(tmp_path / "outside.py"))
    lacks = [name for name in ("a/flow.py", "a/z.py", "a/deep/é.py", "b[1]/new.py") if not trees.has(str(tree / name))]
    assert lacks == ["a/z.py", "a/deep/é.py", "b[1]/new.py"]
    assert not trees.has(str(tree / "a/deep/x.log"))
    assert trees.has(str(tmp_path / "outside.py"))
    assert asked == [str(tree)]


def test_a_link_out_of_the_work_tree_leads_to_what_git_does_not_have(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("")
    (tree / "a" / "linked.py").symlink_to(tmp_path / "outside.py")
    (tree / "a" / "inside.py").symlink_to(tree / "b[1]" / "flow.py")
    (tree / "a" / "untracked.py").symlink_to(tree / "b[1]" / "flow.py")
    git(tree, "add", "a/linked.py", "a/inside.py")
    trees = WorkTrees()
    found = {name: trees.has(str(tree / "a" / name)) for name in ("linked.py", "inside.py", "untracked.py")}
    assert found == {"linked.py": False, "inside.py": True, "untracked.py": False}


def test_a_repository_in_another_one_is_asked_itself(tree: Path) -> None:
    inner = tree / "a" / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / ".gitignore").write_text("made.py\n")
    (inner / "made.py").write_text("")
    assert WorkTrees().ignored(str(inner / "made.py")) == str(inner / "made.py")


def test_a_git_that_refuses_is_said(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/none")
    trees = WorkTrees()
    assert not trees.ignores(str(tree / "a" / "flow.py"))
    assert trees.problem(str(tree / "a" / "flow.py")) is None
    monkeypatch.setenv("PATH", str(tree))
    trees = WorkTrees()
    assert not trees.ignores(str(tree / "a" / "flow.py"))
    assert "No such file or directory: 'git'" in (trees.problem(str(tree / "a" / "flow.py")) or "")
