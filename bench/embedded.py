"""An embedded AWS of the benchmark's own, on a free port and in its own folder: the user's is never touched."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flowinfra.local import control
from flowinfra.local.environment import environment
from flowinfra.local.state import State

_BYTECODE = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


@contextmanager
def embedded_aws(folder: Path) -> Iterator[dict[str, str]]:
    """Start one below `folder`; the variables with which commands reach it, and nothing else. Stopped at the end."""
    state = State(folder)
    instance, _ = control.start(state, control.Options(port=0))
    try:
        yield environment(instance, state, usual_environment())
    finally:
        control.stop(state)


def usual_environment() -> Mapping[str, str]:
    """The shell's variables, except those that keep Python from caching byte code: importing would be measured then."""
    return {name: value for name, value in os.environ.items() if name not in _BYTECODE}
