"""A thread of this process in the network of another one."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

_NETWORK = 0x40000000
_own = Path("/proc/thread-self/ns/net")


@contextlib.contextmanager
def inside(process: int) -> Iterator[None]:
    """Let this thread, and the processes and threads that it starts, use the network of a process. Needs root."""
    before = os.open(_own, os.O_RDONLY)
    try:
        _enter(Path(f"/proc/{process}/ns/net"))
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
