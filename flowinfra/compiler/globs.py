"""Paths and globs of a stack's file: one set of rules for all of them, those of Python's own `glob`.

`*`, `?` and `[…]` stand for parts of one name, `**` for any number of folders; none of them for what is hidden. What
`package:` names stands for all that is in it, if it is a folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path
from posixpath import normpath

ANY_FOLDERS = "**"


def is_glob(pattern: str) -> bool:
    """Whether a path stands for several files."""
    return has_magic(pattern)


def first_folder(pattern: str) -> str:
    """The part of a glob before its first wildcard: the folder in which all its matches are."""
    parts = normpath(pattern).split("/")
    plain = next((place for place, part in enumerate(parts) if is_glob(part)), len(parts))
    return "/".join(parts[:plain]) or "."


class Pattern:
    """A path or glob, from the folder that the paths to match are from."""

    def __init__(self, text: str, folder: Path) -> None:
        """Args:
        text: the entry as the user wrote it.
        folder: where the paths are; a file there that has the very name is meant, whatever characters it has.
        """
        self.text = text
        self.literal = not is_glob(text) or (folder / text).exists()
        # `.` is the folder itself, with all that is in it
        self._parts = [part for part in normpath(text).split("/") if part != "."]

    def matches(self, path: str) -> bool:
        """Whether the pattern matches a path or a folder that it is in."""
        return self._matches(path.split("/"), self._parts)

    def names(self, path: str) -> bool:
        """Whether the entry is this very path, not a glob or a folder that the path is in."""
        return self.literal and path.split("/") == self._parts

    def _matches(self, path: Sequence[str], parts: Sequence[str]) -> bool:
        if not parts:
            # what is in a folder that was matched
            return not any(map(_hidden, path))
        if not path:
            return set(parts) == {ANY_FOLDERS}
        if parts[0] == ANY_FOLDERS and not self.literal:
            return self._matches(path, parts[1:]) or (not _hidden(path[0]) and self._matches(path[1:], parts))
        return self._fits(path[0], parts[0]) and self._matches(path[1:], parts[1:])

    def _fits(self, name: str, part: str) -> bool:
        if self.literal or not is_glob(part):
            return name == part
        return fnmatchcase(name, part) and (_hidden(part) or not _hidden(name))


def _hidden(name: str) -> bool:
    return name.startswith(".")
