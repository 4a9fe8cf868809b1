"""The Pulumi program that is running: its project's folder, and what it has made once already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.settings import get_monitor

from flowinfra.errors import FlowInfraError

T = TypeVar("T")


def project_root() -> Path:
    """The folder of Pulumi.yaml, which paths in the configuration are relative to."""
    given = Path(pulumi.get_root_directory() or ".")
    here = Path.cwd()
    for folder in (given, here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder.resolve()
    return here


_CLAIMS: WeakKeyDictionary[object, dict[str, str]] = WeakKeyDictionary()
"""Deployment (Pulumi's monitor) → what one program may make once → component."""


def claim(thing: str, component: str, twice: Callable[[str, str], FlowInfraError]) -> None:
    """Refuse a second flow of one name, which the cloud would take for an update of the first.

    Args:
        thing: what it is, unique among all targets.
        component: whose it is to be.
        twice: the error, of the component that has it already and this one.

    Raises:
        pulumi.RunError: with that error.
    """
    monitor = get_monitor()
    if monitor is None:
        return
    claimed = _CLAIMS.setdefault(monitor, {})
    if thing in claimed:
        raise pulumi.RunError(str(twice(claimed[thing], component)))
    claimed[thing] = component


_MADE: WeakKeyDictionary[object, dict[str, object]] = WeakKeyDictionary()
"""Deployment → what its program shares."""


def once(thing: str, make: Callable[[], T]) -> T:
    """What all components of a running program share; made when the first asks."""
    monitor = get_monitor()
    made = {} if monitor is None else _MADE.setdefault(monitor, {})
    if thing not in made:
        made[thing] = make()
    return cast(T, made[thing])
