"""Run a command, time it, and weigh the processes below it."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_SAMPLES_PER_SECOND = 20


class BenchError(Exception):
    """A command that is to be measured failed: there is nothing to report then."""


@dataclass(frozen=True)
class Ran:
    """A command that succeeded."""

    seconds: float
    cpu: float
    """Seconds of processor time, of the command and the children that it waited for."""
    output: str
    """Standard output."""
    peak: float | None = None
    """MB, largest resident set of the process that was weighed."""


def run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, weigh: str | None = None, text: str = ""
) -> Ran:
    """Run a command to its end.

    Args:
        command: program and arguments.
        environment: all variables of it.
        folder: where it runs.
        weigh: a word of the command line of a descendant whose memory is measured (Linux only).
        text: standard input.

    Raises:
        BenchError: it failed; with its last words.
    """
    used = _cpu()
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    scale = _Scale(process.pid, weigh) if weigh else None
    try:
        output, errors = process.communicate(text)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        peak = scale.stop() if scale else None
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        words = "\n".join((output + errors).strip().splitlines()[-15:])
        raise BenchError(f"{' '.join(command[:6])} … ended with {process.returncode}:\n{words}")
    return Ran(seconds, _cpu() - used, output, peak)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Scale:
    """Reads, while a command runs, the kernel's own record of a descendant's largest resident set."""

    def __init__(self, root: int, word: str) -> None:
        self._root, self._word = root, word
        self._peak: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float | None:
        """The largest found, in MB."""
        self._over.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._over.wait(1 / _SAMPLES_PER_SECOND):
            found = [peak_memory(pid) for pid in descendants(self._root) if self._word in _command_line(pid)]
            known = [peak for peak in (*found, self._peak) if peak is not None]
            self._peak = max(known, default=None)


def descendants(root: int) -> list[int]:
    """Processes below `root` that are alive."""
    parents = dict(_parents())
    below, found = {root}, []
    # a child may have a smaller number than its parent, where numbers wrapped around
    while more := [pid for pid, parent in parents.items() if parent in below and pid not in below]:
        below.update(more)
        found += more
    return found


def peak_memory(pid: int) -> float | None:
    """MB, largest resident set of a process so far; None if it is gone or the system does not tell."""
    for line in _read(_PROC / str(pid) / "status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def _parents() -> Iterator[tuple[int, int]]:
    if not _PROC.is_dir():
        return
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            # the program's name is in parentheses and may hold anything; the parent is the second field after it
            fields = _read(Path(entry.path) / "stat").rpartition(")")[2].split()
            if fields:
                yield int(entry.name), int(fields[1])


def _command_line(pid: int) -> str:
    return _read(_PROC / str(pid) / "cmdline").replace("\0", " ")


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
