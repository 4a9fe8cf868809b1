"""A thread of this process in another network."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

_NETWORK = 0x40000000
_own = Path("/proc/thread-self/ns/net")


def own() -> int:
    """A descriptor of this thread's network."""
    return os.open(_own, os.O_RDONLY)


@contextlib.contextmanager
def inside(namespace: Path) -> Iterator[None]:
    """Let this thread, and the processes and threads that it starts, use another network. Needs root.

    `namespace`: `/proc/PROCESS/ns/net`, or `/proc/self/fd/DESCRIPTOR`.
    """
    before = own()
    try:
        _enter(namespace)
        try:
            yield
        finally:
            _set(before)
    finally:
        os.close(before)


def _enter(namespace: Path) -> None:
    file = os.open(namespace, os.O_RDONLY)
    try:
        _set(file)
    finally:
        os.close(file)


def _set(file: int) -> None:
    # os.setns comes with Python 3.12.
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(file, _NETWORK) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")
