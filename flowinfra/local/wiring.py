"""What the mends need of the process that they run in.

Set once, by the server, before it serves.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from flowinfra.errors import LocalError
from flowinfra.local.runner import Isolation
from flowinfra.local.state import State


@dataclass(frozen=True)
class Wiring:
    """The server's settings and shared objects."""

    endpoint: str
    state: State
    python: str
    """Interpreter of the jobs."""
    isolation: Isolation
    slots: threading.Semaphore
    """One slot for each job that may run at once."""
    interpreter: tuple[Path, ...]
    """Folders of the jobs' interpreter and its packages."""
    bytecode: Path
    """Byte code of these (see `bytecode`)."""

    @property
    def visible(self) -> tuple[Path, ...]:
        """Folders that a job must see."""
        return (self.state.root, self.bytecode, *self.interpreter)


_current: list[Wiring] = []


def connect(wiring: Wiring) -> None:
    """Make `wiring` that of this process."""
    _current[:] = [wiring]


def current() -> Wiring:
    """Wiring of this process; LocalError before `connect`."""
    if not _current:
        raise LocalError("The embedded AWS is not set up in this process: `flowinfra.local.server` does that.")
    return _current[0]
