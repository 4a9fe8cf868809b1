"""What a client asks for, and whether a fork can be exactly that."""

from __future__ import annotations

import importlib.machinery
import marshal
import os
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType

_AT_START = (b"PYTHON", b"LANG", b"LC_", b"LD_", b"TZ")
"""Beginnings of variables that an interpreter looks at when it starts. A fork can do another PYTHONPATH alone."""
_SUFFIXES = tuple(importlib.machinery.all_suffixes())


def _at_start(environment: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    found = {name: value for name, value in environment.items() if name.startswith(_AT_START)}
    return {**found, b"PYTHONPATH": b""}


_STARTED_WITH = _at_start(os.environb)


class Request:
    """One process: arguments, environment, folder, open files."""

    def __init__(self, message: bytes, files: list[int]) -> None:
        self.message = message
        self.files = files
        """Its open files, by their numbers here."""
        told = marshal.loads(message)  # noqa: S302  (from processes of the same user and attempt)
        words, self.environment, directory, self.group, self.umask, self.numbers, self.ignored = told
        self.launcher, *self.arguments = words
        self.directory = os.fsdecode(directory)

    @property
    def option(self) -> str:
        """-m or -c; empty for a file."""
        return self.arguments[0] if self.arguments[0].startswith("-") else ""

    @property
    def file(self) -> str:
        """The program's file, where it is one."""
        return os.path.join(self.directory, self.arguments[0])

    @property
    def first(self) -> str:
        """What the interpreter puts first on the search path."""
        if self.option:
            return self.directory if self.option == "-m" else ""
        return os.path.dirname(os.path.realpath(self.file))

    @property
    def added(self) -> list[str]:
        """What PYTHONPATH puts on the search path."""
        value = os.fsdecode(self.environment.get(b"PYTHONPATH", b""))
        return [os.path.abspath(os.path.join(self.directory, part)) for part in value.split(":")] if value else []

    def metaflow(self) -> str | None:
        """The folder of PYTHONPATH that has Metaflow; None where none has."""
        return next((folder for folder in self.added if os.path.isfile(f"{folder}/metaflow/__init__.py")), None)

    def fits(self, imported: set[str]) -> bool:
        """Whether a fork, which has `imported` modules, can be what a new interpreter would be."""
        if _at_start(self.environment) != _STARTED_WITH:
            return False
        if self.group != os.getpgrp() or len(self.numbers) != len(self.files):
            return False
        if not self.option and not os.path.isfile(self.file):
            return False
        home = self.metaflow()
        for folder in {self.first or self.directory, *self.added}:
            if imported.intersection(_modules(folder)) - ({"metaflow"} if folder == home else set()):
                return False
        return True

    def may_keep(self, module: ModuleType) -> bool:
        """Whether a module came from a folder where every process with Metaflow from there would find it."""
        file = getattr(module, "__file__", None) or ""
        return file.startswith(f"{self.metaflow()}/") or not file.startswith(f"{self.directory}/")

    def relevant(self, irrelevant: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
        """Variables, without those whose names begin so."""
        return sorted(item for item in self.environment.items() if not item[0].startswith(irrelevant))

    def surround(self, path: list[str]) -> None:
        """Take over environment, folder and search path; `path` is that of the interpreter alone."""
        os.environ.clear()
        os.environb.update(self.environment)
        os.chdir(self.directory)
        os.umask(self.umask)
        sys.path[:] = [self.first, *dict.fromkeys([*self.added, *path])]

    def close(self) -> None:
        """Close its files here."""
        for number in self.files:
            os.close(number)


def _modules(folder: str) -> Iterator[str]:
    """Names that can be imported from a folder."""
    try:
        entries = os.listdir(folder)
    except OSError:
        return
    for name in entries:
        if "." not in name:
            yield name
        elif name.endswith(_SUFFIXES):
            yield name.partition(".")[0]
