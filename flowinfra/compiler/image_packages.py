"""What an image is said to have: `image_packages`, a list of requirements, globs of names, and requirements files.

What is installed with a named package is there too: that is read off the distributions that are installed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from flowinfra.errors import ConfigError

FILES = (".txt", ".in", ".lock")
"""Endings of an entry that is a requirements file, as pip reads it; so is one with a slash."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_OPTION = re.compile(r"(-r|--requirement|-e|--editable)(?:\s+|=)(\S+)")


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_file(entry: str) -> bool:
    """Whether an entry of `image_packages` is the path of a requirements file."""
    return "@" not in entry and "://" not in entry and ("/" in entry or entry.endswith(FILES))


@dataclass(frozen=True)
class Packages:
    """What a task has beside its code package.

    Attributes:
        names: of distributions, normalized; globs among them.
        libraries: folders of site-packages in which it is looked up what comes with them.
    """

    names: frozenset[str]
    libraries: tuple[str, ...] = ()

    def have(self, module: str, distribution: str | None) -> bool:
        """Whether a module is among them, by its own name or that of its distribution here."""
        wanted = {normalized(name) for name in (module, module.partition(".")[0], distribution) if name}
        if wanted & self.names or any(fnmatchcase(name, glob) for glob in self.globs for name in wanted):
            return True
        return bool(distribution) and not wanted.isdisjoint(with_dependencies(self.names, self.libraries))

    @property
    def globs(self) -> list[str]:
        """The names that are patterns."""
        return sorted(name for name in self.names if set(name) & set("*?["))


def packages(entries: Sequence[str], who: str, libraries: Sequence[str] = ()) -> Packages:
    """The packages that entries of `image_packages` name.

    Args:
        entries: requirements, globs and paths of requirements files.
        who: how messages name the flow.
        libraries: where it is looked up what comes with them.

    Raises:
        ConfigError: an entry is not of a kind that is allowed, or its file cannot be read.
    """
    return Packages(frozenset(normalized(name) for name in _named(entries, who)), tuple(libraries))


@lru_cache(maxsize=64)
def with_dependencies(names: frozenset[str], libraries: tuple[str, ...]) -> frozenset[str]:
    """Normalized names of distributions, and of what they require, as far as they are installed in the libraries."""
    found: set[str] = set()
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _required(name, libraries)
    return frozenset(found)


def _required(name: str, libraries: Sequence[str]) -> list[str]:
    # most compiles need none of it, and it takes long to import
    from importlib.metadata import Distribution

    for distribution in Distribution.discover(name=name, path=list(libraries)):
        required = [
            text for text in distribution.requires or () if "extra ==" not in text.replace("extra==", "extra ==")
        ]
        return [normalized(match.group()) for text in required if (match := _NAME.match(text))]
    return []


def _named(entries: Iterable[str], who: str) -> Iterator[str]:
    for entry in entries:
        if is_file(entry):
            yield from _of_file(Path(entry), who, ())
        elif re.fullmatch(r"[\w.*?\[\]-]+", entry.strip()) and set(entry) & set("*?"):
            yield entry.strip()
        elif match := _NAME.match(entry.strip()):
            yield match.group()
        else:
            raise ConfigError(
                f"{who}: image_packages: found {entry!r}, allowed: a requirement (pandas, pandas>=2), a glob of names "
                "(acme-*, * for all), or the path of a requirements file (ending with .txt)"
            )


def _of_file(path: Path, who: str, within: tuple[Path, ...]) -> Iterator[str]:
    """Names in a requirements file, and in those that it includes."""
    if path in within:
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise ConfigError(f"{who}: image_packages: the requirements file {path} {reason}") from None
    for line in text.replace("\\\n", " ").splitlines():
        words = re.sub(r"(^|\s)#.*", "", line).strip()
        option = _OPTION.match(words)
        if option and option.group(1) in ("-r", "--requirement"):
            yield from _of_file(path.parent / option.group(2), who, (*within, path))
        elif egg := _EGG.search(words):
            yield egg.group(1)
        elif option or words.startswith((".", "/")):
            yield Path(option.group(2) if option else words.split()[0]).resolve().name.split("-")[0]
        elif words and not words.startswith("-") and (match := _NAME.match(words)):
            yield match.group()
