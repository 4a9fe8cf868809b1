"""One attempt of a Batch job as a local process.

What a container would give is stood in for by: an own process group, an own working directory and
home, an environment of exactly what is passed, and a private `/tmp` where the system has mount
namespaces (Linux as root, or with unprivileged user namespaces). Metaflow's compressed state
machines need that one: every job writes `/tmp/step_command.sh`. Where there are none (macOS),
attempts that name this file run one at a time and all share the system's `/tmp`.

Not stood in for: the image, CPU and memory limits, the network.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from flowinfra.local.bytecode import outermost

SHARED_FILE = "/tmp/step_command.sh"  # noqa: S108  (Metaflow's own choice, see above)
GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL; AWS Batch waits 30."""
_POLL = 0.1
_LOG_INTERVAL = 1.0
_GROUP_FILE = "group"

_one_at_a_time = threading.Lock()


class Isolation(Enum):
    """How an attempt gets its own /tmp."""

    ROOT = "mount namespace"
    USER = "user and mount namespace"
    NONE = "none: /tmp is shared"

    @property
    def prefix(self) -> tuple[str, ...]:
        """Command that enters the namespaces."""
        match self:
            case Isolation.ROOT:
                return ("unshare", "--mount", "--propagation", "private")
            case Isolation.USER:
                return (
                    "unshare",
                    "--user",
                    "--map-root-user",
                    "--mount",
                    "--propagation",
                    "private",
                )
            case Isolation.NONE:
                return ()


def detect_isolation() -> Isolation:
    """The best that this system allows, found by trying."""
    if shutil.which("unshare") and shutil.which("mount"):
        for kind in (Isolation.ROOT, Isolation.USER):
            trial = [*kind.prefix, "sh", "-c", "mount -t tmpfs none /tmp"]
            if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
                return kind
    return Isolation.NONE


@dataclass(frozen=True)
class Attempt:
    """What to run."""

    command: Sequence[str]
    environment: Mapping[str, str]
    """All variables but HOME and TMPDIR, which the runner adds."""
    folder: Path
    """Folder of this attempt alone; made here. Log, working directory, home and /tmp are in it."""
    visible: Sequence[Path]
    """Folders that stay visible where the private /tmp would hide them."""
    timeout: float | None = None
    """Seconds; None for no limit."""

    @property
    def log(self) -> Path:
        """Standard output and error."""
        return self.folder / "log.txt"


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended."""

    exit_code: int
    """Exit code as a container reports it: 128 + signal where one ended the process."""
    stopped: str | None
    """Why the runner ended it; None where it ended by itself."""

    @property
    def succeeded(self) -> bool:
        """Whether the exit code is 0, and the runner did not end the process."""
        return self.exit_code == 0 and self.stopped is None


def run(
    attempt: Attempt,
    isolation: Isolation,
    stop_reason: Callable[[], str | None],
    on_log: Callable[[], None],
) -> Outcome:
    """Run an attempt to its end.

    `stop_reason` is asked often; once it answers, the process group gets SIGTERM and after GRACE
    seconds SIGKILL. `on_log` is called now and then while the process runs and once after it, so
    that new output can be read. Raises OSError if the command cannot be started.
    """
    serial = isolation is Isolation.NONE and any(SHARED_FILE in word for word in attempt.command)
    with _one_at_a_time if serial else contextlib.nullcontext():
        return _run(attempt, isolation, stop_reason, on_log)


def _run(
    attempt: Attempt,
    isolation: Isolation,
    stop_reason: Callable[[], str | None],
    on_log: Callable[[], None],
) -> Outcome:
    command, environment, cwd = _prepare(attempt, isolation)
    with attempt.log.open("wb") as log, (attempt.folder / _GROUP_FILE).open("w") as group:
        fcntl.flock(group, fcntl.LOCK_EX)
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(group.fileno(),),
        )
        group.write(str(process.pid))
        group.flush()
        try:
            stopped = _wait(process, attempt.timeout, stop_reason, on_log)
        finally:
            _signal_group(process, signal.SIGKILL)
    on_log()
    code = process.returncode
    return Outcome(code if code >= 0 else 128 - code, stopped)


def _prepare(attempt: Attempt, isolation: Isolation) -> tuple[list[str], dict[str, str], Path]:
    """Make the folders; return the command as run, its environment and its working directory."""
    shutil.rmtree(attempt.folder, ignore_errors=True)
    own = attempt.folder / "tmp"
    work, home = own / "work", own / "home"
    work.mkdir(parents=True)
    home.mkdir()
    environment = dict(attempt.environment)
    if isolation is Isolation.NONE:
        environment |= {"HOME": str(home), "TMPDIR": str(own)}
        return list(attempt.command), environment, work
    environment |= {"HOME": "/tmp/home"}  # noqa: S108  (private)
    script = ["set -e"]
    for number, path in enumerate(_below_tmp(attempt.visible)):
        target = own / path.relative_to("/tmp")  # noqa: S108
        target.mkdir(parents=True, exist_ok=True)
        environment[f"_FLOWINFRA_FROM_{number}"] = str(path)
        environment[f"_FLOWINFRA_TO_{number}"] = str(target)
        script.append(f'mount --rbind "$_FLOWINFRA_FROM_{number}" "$_FLOWINFRA_TO_{number}"')
        script.append(f"unset _FLOWINFRA_FROM_{number} _FLOWINFRA_TO_{number}")
    # every attempt works in the same path, so that byte code (which is stored by path) can be
    # shared
    script += ['mount --rbind "$_FLOWINFRA_TMP" /tmp', "unset _FLOWINFRA_TMP", "cd /tmp/work"]
    environment["_FLOWINFRA_TMP"] = str(own)
    script.append('exec "$@"')
    wrapped = [*isolation.prefix, "sh", "-c", "\n".join(script), "sh", *attempt.command]
    return wrapped, environment, work


def _below_tmp(paths: Sequence[Path]) -> list[Path]:
    """Those of `paths` that a private /tmp would hide, without those inside another one."""
    return outermost(path for path in paths if path.is_relative_to("/tmp") and path.exists())  # noqa: S108


def end_leftovers(jobs: Path) -> None:
    """End the attempts of an emulator that died without doing so.

    An attempt's first process inherits the lock on its group file: as long as that is held, the
    process group in it is the attempt's and no later one of the same number.
    """
    for file in jobs.glob(f"*/{_GROUP_FILE}"):
        with file.open() as group:
            try:
                fcntl.flock(group, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                with contextlib.suppress(ProcessLookupError, ValueError):
                    os.killpg(int(group.read()), signal.SIGKILL)


def _wait(
    process: subprocess.Popen[bytes],
    timeout: float | None,
    stop_reason: Callable[[], str | None],
    on_log: Callable[[], None],
) -> str | None:
    """Wait for the process; end it when asked to or when its time is up, and return why."""
    started = last_log = time.monotonic()
    # with a time limit, Popen.wait looks many times per second whether the process has ended
    waiter = threading.Thread(target=process.wait, daemon=True)
    waiter.start()
    while True:
        waiter.join(_POLL)
        if not waiter.is_alive():
            return None
        now = time.monotonic()
        reason = stop_reason()
        if reason is None and timeout is not None and now - started > timeout:
            reason = "Job attempt duration exceeded timeout"
        if reason is not None:
            _end(process)
            return reason
        if now - last_log > _LOG_INTERVAL:
            on_log()
            last_log = now


def _end(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal all of the attempt's processes: sidecars outlive the first one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
