"""One container: its namespaces, its processes and its log file."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LAUNCH = Path(__file__).with_name("launch.sh")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_IN_DIRECTORY = ("/bin/sh", "-c", 'cd "$0" && exec "$@"')
_OWN = ("--mount", "--pid", "--uts", "--fork", "--kill-child")


@dataclass(frozen=True)
class Mount:
    """A folder or file of this machine in a container."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Start:
    """How to start a container."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: str
    hostname: str
    mounts: Sequence[Mount]
    network: Sequence[str]
    """Command that enters the pod's network."""


class Container:
    """A container that runs, or has run."""

    def __init__(self, start: Start, folder: Path, log: Path) -> None:
        """`folder` is for its root file system, and removed with its end."""
        self._folder = folder
        places = [folder / name for name in ("root", "upper", "work")]
        for place in places:
            place.mkdir(parents=True)
        words: list[str] = [*start.network, "unshare", *_OWN, "/bin/sh", str(_LAUNCH), *map(str, places)]
        words.append(start.hostname)
        for mount in start.mounts:
            words += [str(mount.source), mount.target, "ro" if mount.read_only else "rw"]
        variables = [f"{name}={value}" for name, value in start.environment.items()]
        words += ["--", start.directory, "env", "-i", *variables, *_IN_DIRECTORY, start.directory, *start.command]
        self._process = subprocess.Popen(
            words,
            # The container's own PATH need not have what prepares it.
            env={"PATH": _SYSTEM_PATH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._writer = threading.Thread(target=_write_log, args=(self._process.stdout, log), daemon=True)
        self._writer.start()

    @property
    def process(self) -> int:
        """The process whose only child is the container's first one."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait until it ends and its log is written; its exit code, 128 + signal where one ended it."""
        code = self._process.wait()
        self._writer.join()
        shutil.rmtree(self._folder, ignore_errors=True)
        return code if code >= 0 else 128 - code

    def end(self, grace_seconds: float) -> None:
        """SIGTERM, and SIGKILL for what is left after the grace period."""
        if grace_seconds > 0:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_seconds)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def _write_log(output: IO[bytes], path: Path) -> None:
    """Write each line with the time at which it came, as container runtimes do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with output, path.open("ab", buffering=0) as file:
        for line in output:
            now = datetime.datetime.now(datetime.timezone.utc)
            file.write(now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode() + line.rstrip(b"\n") + b"\n")
