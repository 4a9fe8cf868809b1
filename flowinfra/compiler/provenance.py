"""What git knows of a flow's files. Read by the parent only; a folder outside git has no provenance."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from posixpath import dirname, islink, join, lexists, realpath, split
from threading import Lock
from typing import Literal

_NOTHING, _DETACHED = "(initial)", "(detached)"
"""Texts that git gives in place of a commit before the first one, and of a branch where none is checked out."""
_OF_CONFIG = {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}
"""Variables that say where a person's own configuration is."""


def _git(folder: str | Path, *arguments: str) -> str:
    """What git says of a folder.

    Raises:
        OSError, subprocess.SubprocessError: git is not installed, or it refuses.
    """
    # a shell's own work tree (GIT_DIR) is none of a flow's
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _OF_CONFIG}
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    done = subprocess.run(command, env={**env, "LC_ALL": "C"}, capture_output=True, timeout=60, check=True)
    return os.fsdecode(done.stdout)


def provenance(folder: Path) -> dict[str, str]:
    """Commit, branch and state of the work tree, under the names that Metaflow's INFO uses."""
    try:
        told = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no").splitlines()
    except (OSError, subprocess.SubprocessError):
        return {}
    # `# branch.oid COMMIT`, `# branch.head NAME`, and a line for each file that is not as committed
    about = dict(line.removeprefix("# branch.").split(" ", 1) for line in told if line.startswith("# branch."))
    if about.get("oid", _NOTHING) == _NOTHING:
        return {}
    return {
        "commit_sha": about["oid"],
        "branch_name": "HEAD" if about["head"] == _DETACHED else about["head"],
        "has_uncommitted_changes": str(any(not line.startswith("#") for line in told)).lower(),
    }


Kinship = Literal["same", "newer", "older", "apart"]


def kinship(folder: Path, commit: str, other: str) -> Kinship | None:
    """How a commit stands to another one: `newer` has its changes, `apart` is on another branch.

    None where git cannot say: it lacks one of them, or the clone is cut off (shallow) and knows nothing before.
    """
    if commit == other:
        return "same"
    try:
        one, two = (_git(folder, "rev-parse", "--verify", f"{each}^{{commit}}").strip() for each in (commit, other))
        if one == two:
            return "same"
        base = _merge_base(folder, one, two)
        if base is None and _git(folder, "rev-parse", "--is-shallow-repository").strip() == "true":
            return None
    except (OSError, subprocess.SubprocessError):
        return None
    kinds: dict[str | None, Kinship] = {one: "older", two: "newer"}
    return kinds.get(base, "apart")


def _merge_base(folder: Path, one: str, two: str) -> str | None:
    """The last commit that two have in common; None where they have none."""
    try:
        return _git(folder, "merge-base", one, two).strip()
    except subprocess.CalledProcessError as error:
        if error.returncode == 1:
            return None
        raise


def files_of_git(folder: Path, pattern: str) -> list[str] | None:
    """Paths of the files in a folder that git has or does not ignore; None where git ignores the folder, or lacks it.

    Args:
        folder: the folder, from which the paths are.
        pattern: pathspec of git, such as `*.py`.
    """
    with suppress(OSError, subprocess.SubprocessError):
        _git(folder, "check-ignore", "--quiet", ".")
        return None
    try:
        listed = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", pattern)
    except (OSError, subprocess.SubprocessError):
        return None
    return list(dict.fromkeys(name for name in listed.split("\0") if name))


def main_branch(folder: Path) -> str | None:
    """The branch that pull requests go into: that of `origin`, else `main` or `master`, else the one that is checked
    out; None where git knows of no branch.
    """
    with suppress(OSError, subprocess.SubprocessError):
        return _git(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").strip().removeprefix("origin/")
    with suppress(OSError, subprocess.SubprocessError):
        names = _git(folder, "branch", "--format=%(refname:short)").split()
        usual = next((name for name in ("main", "master") if name in names), None)
        return usual or _git(folder, "symbolic-ref", "--short", "HEAD").strip()
    return None


def origin_address(folder: Path) -> str:
    """The address of the remote `origin`; empty where git knows no such remote."""
    try:
        return _git(folder, "remote", "get-url", "origin").strip()
    except (OSError, subprocess.SubprocessError):
        return ""


@dataclass
class WorkTrees:
    """What git ignores, and what it does not have, of any files; each work tree is asked once.

    Links are followed: what counts is the file that is read.
    """

    _trees: dict[str, WorkTree] = field(default_factory=dict)
    _tree_of: dict[str, WorkTree | None] = field(default_factory=dict)
    _real: dict[str, str] = field(default_factory=dict)

    def ignores(self, path: str) -> bool:
        """Whether git ignores a file or folder."""
        return self.ignored(path) is not None

    def ignored(self, path: str) -> str | None:
        """The file or folder that git ignores and that a path is, or is in; None where it does not."""
        real = self._followed(path)
        tree = self._tree(dirname(real))
        if tree is None:
            return None
        found = tree.ignored(real)
        # a work tree may be in an ignored folder of another one
        return found or self.ignored(tree.root)

    def has(self, path: str) -> bool:
        """Whether a file is in git, so that a reviewer sees it; True outside of a work tree."""
        if self._tree(dirname(path)) is None:
            return True
        real = self._followed(path)
        return all(
            (tree := self._tree(dirname(each))) is not None and not tree.lacks(each)
            for each in dict.fromkeys((path, real))
        )

    def problem(self, path: str) -> str | None:
        """Why git could not be asked about a file; None if it could, and outside of a work tree."""
        tree = self._tree(dirname(self._followed(path)))
        return None if tree is None else tree.problem

    def _tree(self, folder: str) -> WorkTree | None:
        if folder not in self._tree_of:
            found = next((each for each in _upwards(folder) if lexists(join(each, ".git"))), None)
            self._tree_of[folder] = None if found is None else self._trees.setdefault(found, WorkTree(found))
        return self._tree_of[folder]

    def _followed(self, path: str) -> str:
        folder, name = split(path)
        if folder not in self._real:
            self._real[folder] = realpath(folder)
        real = join(self._real[folder], name)
        return realpath(real) if islink(real) else real


class WorkTree:
    """One work tree, and what git says of all of its files."""

    def __init__(self, root: str) -> None:
        """Args:
        root: its folder.
        """
        self.root = root
        self.problem: str | None = None
        self._lock = Lock()

    def ignored(self, path: str) -> str | None:
        """The entry of git's list of what it ignores that a path is, or is in."""
        return self._entry(path, self._listed["!!"])

    def lacks(self, path: str) -> bool:
        """Whether a file is neither committed nor about to be, or is in a folder of which that is so."""
        return any(self._entry(path, self._listed[kind]) for kind in ("!!", "??"))

    def _entry(self, path: str, entries: set[str]) -> str | None:
        if not entries:
            return None
        below = (each for each in (path, *_upwards(dirname(path))) if len(each) > len(self.root))
        return next((each for each in below if each in entries), None)

    @property
    def _listed(self) -> dict[str, set[str]]:
        with self._lock:
            return self._status

    @cached_property
    def _status(self) -> dict[str, set[str]]:
        """Mark of `git status` → absolute paths, for what is ignored and what is not tracked."""
        listed: dict[str, set[str]] = {"!!": set(), "??": set()}
        words = ("--porcelain", "-z", "--ignored=matching", "--untracked-files=all", "--ignore-submodules=all")
        try:
            told = _git(self.root, "status", "--no-renames", *words)
        except (OSError, subprocess.SubprocessError) as error:
            words_of_git = os.fsdecode(getattr(error, "stderr", None) or b"").strip().splitlines()
            self.problem = words_of_git[0] if words_of_git else str(error)
            return listed
        for entry in told.split("\0"):
            if (mark := entry[:2]) in listed:
                listed[mark].add(join(self.root, entry[3:].rstrip("/")))
        return listed


def _upwards(folder: str) -> Iterator[str]:
    """A folder and all its parents."""
    yield folder
    while (above := dirname(folder)) != folder:
        folder = above
        yield folder
