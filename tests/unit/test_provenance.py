"""What git knows of flows' folders, in work trees made here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flowinfra.compiler import provenance as provenance_module
from flowinfra.compiler.provenance import provenance, untracked


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


def test_untracked_files_of_many_folders(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "flow.py").write_text("")
    (tree / "a" / "deep").mkdir()
    for name in ("a/z.py", "a/deep/é.py", "a/x.log", "b[1]/new.py", "b1.py"):
        (tree / name).write_text("")
    asked: list[Path] = []
    ask = provenance_module._git
    monkeypatch.setattr(provenance_module, "_git", lambda folder, *words: asked.append(folder) or ask(folder, *words))
    folders = [tree / "a", tree / "b[1]", tree / "a" / "deep", tmp_path / "outside"]
    assert untracked(folders) == {
        tree / "a": ["deep/é.py", "z.py"],
        tree / "b[1]": ["new.py"],
        tree / "a" / "deep": ["é.py"],
        tmp_path / "outside": [],
    }
    assert asked == [tree]
