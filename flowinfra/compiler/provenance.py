"""What git knows of a flow's folder. Read by the parent only; a folder outside git has no provenance."""

from __future__ import annotations

import subprocess
from pathlib import Path


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def provenance(folder: Path) -> dict[str, str]:
    """Commit, branch and state of the work tree, under the names that Metaflow's INFO uses."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD") or ""
    dirty = bool((_git(folder, "status", "--porcelain", "--untracked-files=no") or "").strip())
    return {
        "commit_sha": commit.strip(),
        "branch_name": branch.strip(),
        "has_uncommitted_changes": str(dirty).lower(),
    }


def untracked(folder: Path) -> list[str]:
    """Paths below `folder` that git neither tracks nor ignores, relative to it, sorted."""
    listed = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    return sorted(path for path in (listed or "").split("\0") if path)
