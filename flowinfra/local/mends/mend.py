"""What a mend is: replacements of attributes of moto, put in place and withdrawn together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

ABSENT = object()
"""Stands for an original that does not exist."""


@dataclass(frozen=True)
class Patch:
    """One attribute that is replaced."""

    owner: Any
    """Class or module."""
    name: str
    replacement: Any
    original: Any
    """What the attribute was when the mend's module was imported; ABSENT for one that moto lacks."""


def patch(owner: Any, name: str, replacement: Any) -> Patch:
    """A patch of an attribute that exists; a moto that has none of this name raises AttributeError
    here.
    """
    original = owner.__dict__[name] if name in vars(owner) else getattr(owner, name)
    return Patch(owner, name, replacement, original)


def addition(owner: Any, name: str, added: Any) -> Patch:
    """An attribute that moto lacks; once it has one of this name, AttributeError is raised here."""
    if hasattr(owner, name):
        raise AttributeError(f"{owner} has {name} now: this mend is not needed any more")
    return Patch(owner, name, added, ABSENT)


@dataclass(frozen=True)
class Mend:
    """A behaviour of AWS that moto lacks, restored."""

    name: str
    patches: tuple[Patch, ...]

    def apply(self) -> None:
        """Put the mend in place."""
        for each in self.patches:
            setattr(each.owner, each.name, each.replacement)

    def withdraw(self) -> None:
        """Give moto its own behaviour back."""
        for each in self.patches:
            if each.original is ABSENT:
                delattr(each.owner, each.name)
            else:
                setattr(each.owner, each.name, each.original)

    @contextmanager
    def withdrawn(self) -> Iterator[None]:
        """Without this mend inside of the block: how the tests see that it is still needed."""
        self.withdraw()
        try:
            yield
        finally:
            self.apply()
