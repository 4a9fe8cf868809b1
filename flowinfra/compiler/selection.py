"""`package:` of a flow: what goes into the code package beside what Metaflow packs, what stays out, and its name.

All paths count from one folder: the project's, or for a command without one the folder that it runs in. Metaflow packs
the flow's folder, and names files from there. What `package:` adds is named from `root`, so that tasks import it as the
compile does; in the flow's folder it is named as Metaflow names files there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from posixpath import normpath

from flowinfra.compiler.globs import Pattern, first_folder
from flowinfra.errors import CompileError
from flowinfra.model.shape import Shape

SUFFIX = re.compile(r"\.[^,/\s]+")


@dataclass(frozen=True)
class Selection:
    """Which of a project's files a flow packs.

    Attributes:
        base: the folder that paths count from.
        flow: the flow's file; a link is not followed, as Metaflow does not.
        root: `package.root`, or None.
        include: `package.include`.
        exclude: `package.exclude`.
        suffixes: `package.suffixes`.
    """

    base: Path
    flow: Path
    root: str | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    suffixes: tuple[str, ...]

    @classmethod
    def of(cls, flow: Path, base: Path, shape: Shape) -> Selection:
        """The selection that a flow's options make."""
        return cls(base, flow, shape.package_root, shape.package_include, shape.package_exclude, shape.package_suffixes)

    @property
    def folder(self) -> Path:
        """The flow's."""
        return self.flow.parent

    @property
    def names_from(self) -> Path:
        """The folder from which added files are named."""
        return absolute(self.base / (self.root or "."))

    @property
    def search(self) -> list[str]:
        """Folders beside the flow's own in which a task finds modules; the compile looks in the same ones."""
        return [str(self.names_from)] if self.root is not None or self.include else []

    @cached_property
    def walks(self) -> list[Walk]:
        """Where Metaflow's walk looks for what is added."""
        if self.root is not None and not self.include:
            return [Walk(str(self.names_from), modules=True)]
        tops = dict.fromkeys(str(absolute(self.base / self._top(pattern))) for pattern in self._included)
        return [Walk(top, modules=False) for top in tops if Path(top).is_dir()]

    def added(self, walked: Sequence[Sequence[str]]) -> dict[str, str]:
        """Name in the package → path of the files that are added.

        Args:
            walked: what each of `walks` found, relative to it.

        Raises:
            CompileError: an entry of `include` matches nothing.
        """
        found = [f"{walk.top}/{name}" for walk, names in zip(self.walks, walked, strict=True) for name in names]
        if not self.include:
            return {self._name(path, self.names_from): path for path in found}
        named = [str(absolute(self.base / pattern.text)) for pattern in self._included if pattern.literal]
        found += [path for path in named if not Path(path).is_dir()]
        relative = {path: self.relative(path) for path in sorted(found)}
        added: dict[str, str] = {}
        for pattern in self._included:
            matched = [path for path, place in relative.items() if pattern.matches(place)]
            if not matched:
                raise CompileError(
                    f"package.include: {pattern.text!r} matches no file; it is looked for from {self.base} (`*` within "
                    "a folder, `**` across folders; what is hidden has to be named)"
                )
            place = self._place(pattern)
            added.update({self._name(path, place): path for path in matched})
        return added

    def leaves_out(self, name: str, path: str) -> bool:
        """Whether `exclude` keeps a member out; never the flow's own file."""
        return name != self.flow.name and any(each.matches(self.relative(path)) for each in self._excluded)

    def names(self, path: str) -> bool:
        """Whether the flow or `include` name this very file."""
        return Path(path) == self.flow or any(each.names(self.relative(path)) for each in self._included)

    @cached_property
    def named_folders(self) -> list[str]:
        """Folders that are named: the flow's, by its file, and those of `include`."""
        named = [str(absolute(self.base / each.text)) for each in self._included if each.literal]
        return [str(self.folder), *(path for path in named if Path(path).is_dir())]

    def relative(self, path: str) -> str:
        """A path as patterns have it."""
        return Path(os.path.relpath(path, self.base)).as_posix()

    def sources(self, names: Iterable[str]) -> dict[str, Path]:
        """Name in the package → the file that it is of, where there is one."""
        found = {name: self.folder / name for name in names}
        found = {name: path if path.is_file() else self.names_from / name for name, path in found.items()}
        return {name: path for name, path in found.items() if path.is_file()}

    def problems(self) -> Iterator[str]:
        """What is wrong with it that can be known before anything runs."""
        for key, values in {"root": (self.root or ".",), "include": self.include, "exclude": self.exclude}.items():
            for value in values:
                if value.startswith(("/", "~")) or "\\" in value or not value:
                    yield f"package.{key}: found {value!r}, allowed: a path from {self.base}, as in `acme_common`"
        if self.root is not None and not Path(self.root).is_absolute() and not self.names_from.is_dir():
            what = "is a file" if self.names_from.exists() else "does not exist"
            yield f"package.root: {self.root!r} {what}; give a folder, by its path from {self.base}"
        for pattern in self._included:
            if not pattern.literal or Path(pattern.text).is_absolute():
                continue
            path = absolute(self.base / pattern.text)
            if not os.path.lexists(path):
                yield f"package.include: {pattern.text!r} does not exist; it is looked for from {self.base}"
        for pattern in self._included:
            top = absolute(self.base / self._top(pattern))
            if not Path(pattern.text).is_absolute() and not any(
                map(top.is_relative_to, (self.names_from, self.folder))
            ):
                yield (
                    f"package.include: {pattern.text!r} lies outside of {self.names_from}, from which tasks would "
                    "import it; give that folder as package.root (`root: ..` is the one around the project)"
                )
        for suffix in self.suffixes:
            if not SUFFIX.fullmatch(suffix):
                yield f"package.suffixes: found {suffix!r}, allowed: an ending with its dot, as in `.sql`"

    @cached_property
    def _included(self) -> list[Pattern]:
        return [Pattern(text, self.base) for text in self.include]

    @cached_property
    def _excluded(self) -> list[Pattern]:
        return [Pattern(text, self.base) for text in self.exclude]

    def _top(self, pattern: Pattern) -> str:
        return normpath(pattern.text) if pattern.literal else first_folder(pattern.text)

    def _place(self, pattern: Pattern) -> Path:
        """The folder from which what a pattern matches is named: the nearest of the flow's and `root`."""
        top = absolute(self.base / self._top(pattern))
        places = [place for place in (self.names_from, self.folder) if top.is_relative_to(place)]
        return max(places, key=lambda place: len(place.parts))

    def _name(self, path: str, place: Path) -> str:
        return Path(path).relative_to(place).as_posix()


@dataclass(frozen=True)
class Walk:
    """A folder that Metaflow's walk goes through."""

    top: str
    modules: bool
    """Only files with the endings that Metaflow packs of a flow's folder, not all."""


def absolute(path: Path) -> Path:
    """A path as Metaflow makes it absolute: without following links."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (Path.absolute leaves `..` where it is)
