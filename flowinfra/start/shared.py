"""Code of a repository that flows of several folders import: what `package` of a stack's file has to name."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from posixpath import dirname

_ROOTS = ("", "src/")
"""Folders of a repository from which its packages are imported, the first that has one counts."""


@dataclass(frozen=True)
class Shared:
    """The keys of `package` for a flow."""

    root: str | None = None
    """Folder that the names are imported from; None for the repository's."""
    include: tuple[str, ...] = ()
    """Packages and modules, by their paths."""


NOTHING = Shared()


def parsed(text: bytes) -> ast.Module:
    """The tree of a module.

    Raises:
        ValueError: it cannot be parsed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise ValueError("it is nested too deeply") from None


class SharedCode:
    """The packages and modules at the top of a repository, and who imports them."""

    def __init__(self, folder: Path, files: Sequence[str]) -> None:
        """`files` are the paths of the repository's Python files."""
        self._folder, self._files = folder, {*files}
        self._folders = {each for file in files for each in _above(file)}
        self._imports = cache(self._imported)

    def of(self, flow: str, flows: Collection[str]) -> Shared:
        """What a flow imports from the top of the repository, by itself or through such code.

        Args:
            flow: the flow's file.
            flows: files of all flows. A folder with any of them is not shared code.
        """
        apart = {each for file in flows for each in _above(file)}
        for root in _ROOTS:
            if found := self._reached(flow, root, apart):
                return Shared(root.rstrip("/") or None, tuple(sorted(found)))
        return NOTHING

    def _reached(self, flow: str, root: str, apart: Collection[str]) -> set[str]:
        """Packages and modules of a folder that a flow imports, also through what is beside it."""
        home = dirname(flow)
        beside = f"{home}/" if home else ""
        found: set[str] = set()
        waiting, seen = [flow], {flow}
        while waiting:
            for name in self._imports(waiting.pop()):
                near = self._place(beside, name)
                place = near or self._place(root, name)
                if place is None or (near is None and place in apart):
                    continue
                if near is None:
                    found.add(place)
                new = {file for file in self._files if file == place or file.startswith(f"{place}/")} - seen
                seen |= new
                waiting += sorted(new)
        return found

    def _place(self, root: str, name: str) -> str | None:
        """The package or module of a name in a folder."""
        places = (f"{root}{name}", f"{root}{name}.py")
        return next((place for place in places if place in self._folders or place in self._files), None)

    def _imported(self, file: str) -> tuple[str, ...]:
        try:
            tree = parsed((self._folder / file).read_bytes())
        except (OSError, ValueError):
            return ()  # the compile says what is wrong with it
        return tuple(sorted({name for name in _names(tree) if name not in sys.stdlib_module_names}))


def _names(tree: ast.Module) -> Iterator[str]:
    """First part of the name of each module that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def _above(file: str) -> Iterator[str]:
    """Folders that a file is in, without the repository's."""
    while file := dirname(file):
        yield file
