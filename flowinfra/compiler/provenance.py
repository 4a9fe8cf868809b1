"""What git knows of a flow's folder. Read by the parent only; a folder outside git has no provenance."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

_NOTHING, _DETACHED = "(initial)", "(detached)"
"""What git says in place of a commit and of a branch, where there is none."""


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def provenance(folder: Path) -> dict[str, str]:
    """Commit, branch and state of the work tree, under the names that Metaflow's INFO uses."""
    told = (_git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no") or "").splitlines()
    # `# branch.oid COMMIT`, `# branch.head NAME`, and a line for each file that is not as committed
    about = dict(line.removeprefix("# branch.").split(" ", 1) for line in told if line.startswith("# branch."))
    if about.get("oid", _NOTHING) == _NOTHING:
        return {}
    return {
        "commit_sha": about["oid"],
        "branch_name": "HEAD" if about["head"] == _DETACHED else about["head"],
        "has_uncommitted_changes": str(any(not line.startswith("#") for line in told)).lower(),
    }


def untracked(folders: Iterable[Path]) -> dict[Path, list[str]]:
    """Folder → paths below it that git neither tracks nor ignores, relative to it, sorted.

    git is asked once per work tree; `folders` are absolute.
    """
    trees: dict[Path, list[Path]] = {}
    found: dict[Path, list[str]] = {folder: [] for folder in folders}
    for folder in found:
        for tree in (folder, *folder.parents):
            if (tree / ".git").exists():
                trees.setdefault(tree, []).append(folder)
                break
    for tree, below in trees.items():
        words = ("ls-files", "--others", "--exclude-standard", "-z", "--", *map(str, below))
        listed = [tree / path for path in (_git(tree, "--literal-pathspecs", *words) or "").split("\0") if path]
        for folder in below:
            found[folder] = sorted(str(path.relative_to(folder)) for path in listed if path.is_relative_to(folder))
    return found
