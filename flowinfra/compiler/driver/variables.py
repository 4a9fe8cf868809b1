"""Which variables of the environment are read, and where the flow's own code asks for one.

`os.environ` becomes one that notes it. What the C library and the interpreter read themselves is not seen here
(`compiler.variables` knows those names).
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from typing import Any

from . import places
from .protocol import Asked, Place, Read
from .protocol import Variables as ReadVariables
from .watch import OWN_FOLDER

Environment: Any = type(os.environ)
"""The class of `os.environ` before the driver replaces it."""

_THROUGH = {"os", "_collections_abc", "collections.abc", "string", __name__}
"""Modules through which code reads a variable: who calls them asks for it."""
_EVERYWHERE = ("metaflow", *sys.stdlib_module_names)
"""Modules that look through all variables for names of their own."""


class Variables:
    """What was read of the environment: `names`, by anybody; `asked`, by the flow's own code."""

    def __init__(self, libraries: list[str]) -> None:
        self.names: set[str] = set()
        self.all = False
        self.asked: list[Read] = []
        self._foreign = ("<", OWN_FOLDER, *(os.path.join(folder, "") for folder in libraries))
        self._looped: set[tuple[str, int]] = set()

    def install(self) -> None:
        """Note what is read from now on, by whoever holds `os.environ` already, too."""
        os.environ.__class__ = _noting(self)

    def tell(self) -> ReadVariables:
        """What was read, as data; `sure`: where the variable is not set, the code fails."""
        base = set(os.environ)
        guarded = {each["name"] for each in self.asked if each["how"] == "in"}

        def sure(each: Read) -> bool:
            return each["how"] == "item" and each["name"] not in guarded and not _caught(each["file"], each["line"])

        asked: list[Asked] = [
            {**each, "sure": sure(each)}
            for each in self.asked
            if not (self.all and each["name"] in base and each["how"] == "item")
        ]
        looped: list[Place] = [{"file": file, "line": line} for file, line in sorted(self._looped)]
        return {"names": sorted(self.names), "all": self.all, "asked": asked, "looped": looped}

    def note(self, name: Any, how: str, default: Any = None) -> None:
        """Somebody reads a variable: by `[…]` ("item"), `get` or `in`."""
        if not isinstance(name, str) or name.startswith("METAFLOW_"):
            return
        self.names.add(name)
        frame, direct = _reader()
        if frame is None or frame.f_code.co_filename.startswith(self._foreign):
            return
        place = (frame.f_code.co_filename, frame.f_lineno)
        if place in self._looped:
            return
        self.asked.append(
            {
                "name": name,
                "file": place[0],
                "line": place[1],
                "how": how if direct or how != "item" else "get",
                "default": default if isinstance(default, str) else None,
                "set": name in self._data(),
            }
        )

    def note_all(self) -> None:
        """Somebody looks through all variables."""
        frame, _ = _reader()
        if frame is None or str(frame.f_globals.get("__name__")).partition(".")[0] in _EVERYWHERE:
            return
        if frame.f_code.co_filename.startswith(OWN_FOLDER):
            return
        self.all = True
        if not frame.f_code.co_filename.startswith(self._foreign):
            self._looped.add((frame.f_code.co_filename, frame.f_lineno))

    @staticmethod
    def _data() -> set[str]:
        environment: Any = os.environ
        return {environment.decodekey(key) for key in environment._data}


def _noting(variables: Variables) -> type:
    class Noting(Environment):  # type: ignore[misc]
        """`os.environ`, which notes what is read of it."""

        def __getitem__(self, key: Any) -> Any:
            variables.note(key, "item")
            return super().__getitem__(key)

        def get(self, key: Any, default: Any = None) -> Any:
            variables.note(key, "get", default)
            try:
                return super().__getitem__(key)
            except KeyError:
                return default

        def __contains__(self, key: Any) -> bool:
            variables.note(key, "in")
            try:
                super().__getitem__(key)
            except KeyError:
                return False
            return True

        def __iter__(self) -> Iterator[Any]:
            variables.note_all()
            found: Iterator[Any] = super().__iter__()
            return found

        def __repr__(self) -> str:
            variables.note_all()
            text: str = super().__repr__()
            return text

    return Noting


def _reader() -> tuple[Any, bool]:
    """The frame that asks, and whether it does so itself, by no function of the standard library."""
    frame, direct = sys._getframe(2), True
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if name != __name__:
            through = name in _THROUGH or (frame.f_code.co_name == "expandvars" and name in ("posixpath", "ntpath"))
            if not through:
                return frame, direct
            direct = False
        frame = frame.f_back  # type: ignore[assignment]
    return None, False


def _caught(file: str, line: int) -> bool:
    """Whether what a line of the source raises is caught there."""
    try:
        tree = places.tree(file)
    except (OSError, SyntaxError, ValueError):
        return False
    return any(
        statement.lineno <= line <= (statement.end_lineno or statement.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Try) and node.handlers
        for statement in node.body
    )
