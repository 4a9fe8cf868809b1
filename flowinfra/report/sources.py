"""Both versions of a source file, where they are to be had: the place of a report's effects on files and git.

A file is found by its name and taken only if its content has the digest that the flow's inputs name, so that a diff
shown is the diff of what was and will be deployed.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flowinfra.errors import PreviewError, ToolError
from flowinfra.report.change import FileChange

_SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache", ".ruff_cache"}
CONTEXT = 3
LINES = 2_000
"""Lines of a diff that are kept; what is longer is counted."""


class Place(Protocol):
    """Where versions of files are looked for."""

    def find(self, path: str, digest: str) -> bytes | None:
        """Content of the file whose path ends with `path` and whose sha256 begins with `digest`."""


class Folder:
    """A folder and everything in it."""

    def __init__(self, root: Path) -> None:
        """Look for files in `root` and its folders.

        Raises:
            PreviewError: the folder does not exist.
        """
        if not root.is_dir():
            raise PreviewError(f"{root}: is not a folder; give one that holds the flows' sources")
        self._root = root
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, path: str, digest: str) -> bytes | None:
        """See `Place`."""
        for candidate in self._names().get(path.rsplit("/", 1)[-1], ()):
            if _ends_with(candidate.relative_to(self._root).as_posix(), path):
                content = _read(candidate)
                if content is not None and _fits(content, digest):
                    return content
        return None

    def _names(self) -> Mapping[str, list[Path]]:
        if self._by_name is None:
            found: dict[str, list[Path]] = {}
            for folder, folders, files in os.walk(self._root):
                folders[:] = sorted(name for name in folders if name not in _SKIPPED)
                for name in files:
                    found.setdefault(name, []).append(Path(folder) / name)
            self._by_name = found
        return self._by_name


class Revision:
    """A commit of the git repository that a folder is in."""

    def __init__(self, folder: Path, revision: str) -> None:
        """Look into `revision`.

        Raises:
            PreviewError: the folder is in no repository, or the repository has no such revision.
            ToolError: git is not installed.
        """
        self._folder = folder
        if revision.startswith("-"):
            raise PreviewError(f"{revision!r}: is not a revision of git; give a branch, tag or commit")
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", f"{revision}^{{tree}}", what=revision)
        self._by_name: dict[str, list[tuple[str, str]]] = {}
        for entry in listed.decode("utf-8", "surrogateescape").split("\0"):
            about, tab, path = entry.partition("\t")
            mode, kind, blob = about.split(" ") if tab else ("", "", "")
            if kind == "blob" and mode != "120000":
                self._by_name.setdefault(path.rsplit("/", 1)[-1], []).append((path, blob))

    def find(self, path: str, digest: str) -> bytes | None:
        """See `Place`."""
        for candidate, blob in self._by_name.get(path.rsplit("/", 1)[-1], ()):
            if _ends_with(candidate, path):
                content = self._git("cat-file", "blob", blob, what=blob)
                if _fits(content, digest):
                    return content
        return None

    def _git(self, *arguments: str, what: str) -> bytes:
        try:
            done = subprocess.run(["git", "-C", str(self._folder), *arguments], capture_output=True, check=False)
        except OSError:
            raise ToolError("git is not installed; without it give the old sources as a folder") from None
        if done.returncode:
            reason = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["git failed"]
            raise PreviewError(
                f"{what}: git cannot read it in {self._folder} ({reason[-1]}); "
                "fetch it first (a shallow clone has one commit only), or give a folder"
            )
        return done.stdout


@dataclass(frozen=True)
class Sources:
    """Where old and new versions are looked for."""

    old: Place | None = None
    new: Place | None = None

    def diff(self, change: FileChange) -> tuple[str, ...] | None:
        """Lines of the unified diff (without headers), untrusted; None where a version is missing or is not text."""
        old = self._text(self.old, change.path, change.before)
        new = self._text(self.new, change.path, change.after)
        if old is None or new is None:
            return None
        lines = list(difflib.unified_diff(old, new, n=CONTEXT, lineterm=""))[2:]
        if len(lines) > LINES:
            lines = [*lines[:LINES], f"… {len(lines) - LINES:,} more lines"]
        return tuple(lines)

    @staticmethod
    def _text(place: Place | None, path: str, digest: str | None) -> list[str] | None:
        if digest is None:
            return []
        content = place.find(path, digest) if place else None
        if content is None or b"\0" in content:
            return None
        try:
            return content.decode("utf-8").splitlines()
        except UnicodeDecodeError:
            return None


def _fits(content: bytes, digest: str) -> bool:
    return bool(digest) and hashlib.sha256(content).hexdigest().startswith(digest)


def _ends_with(path: str, wanted: str) -> bool:
    return path == wanted or path.endswith(f"/{wanted}")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None
