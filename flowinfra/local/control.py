"""Starts, stops and finds the emulator from another process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowinfra.engine.extras import require as require_extra
from flowinfra.errors import LocalError
from flowinfra.local.state import Instance, State
from flowinfra.operate.runs.progress import Progress

DEFAULT_PORT = 4577
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LOG_LINES = 15
_children: list[subprocess.Popen[bytes]] = []
"""Emulators that this process started: they outlive the call that did."""


@dataclass(frozen=True)
class Options:
    """How to start an emulator."""

    port: int | None = None
    """None for DEFAULT_PORT; 0 for any that is free."""
    python: str = sys.executable
    """Interpreter of the jobs; needs boto3 and requests."""
    max_jobs: int | None = None
    """Jobs that run at once; None for the number of CPUs."""
    call_log: bool = False
    schedules: bool = False
    iam_delay: float = 0.0
    """Seconds after which what is written to a role counts."""


def find(state: State) -> Instance | None:
    """The emulator that serves from this folder; None if no emulator does."""
    return state.read_instance() if state.locked() else None


def require(state: State) -> Instance:
    """The emulator that serves from this folder; LocalError if no emulator does."""
    instance = find(state)
    if instance is None:
        raise LocalError(
            "The embedded AWS is not running. Start it with `flowinfra local start`; "
            "it begins empty, so deploy again after that."
        )
    return instance


def start(state: State, options: Options) -> tuple[Instance, bool]:
    """Start an emulator with empty state, or find the one that runs; return it and whether it is
    new.

    Raises LocalError if it cannot start, or if one runs on another port than asked for, and MissingExtraError without
    `flowinfra[local]`.
    """
    running = find(state)
    if running is not None:
        if options.port not in (None, 0, running.port):
            raise LocalError(
                f"The embedded AWS runs already, on port {running.port} (pid {running.pid}), not on "
                f"{options.port}. `flowinfra local stop` ends it; its state is lost then."
            )
        return running, False
    require_extra("local", "the embedded AWS")
    port = DEFAULT_PORT if options.port is None else options.port
    _check_port(port)
    process = _spawn(state, options, port)
    return _await_start(state, process), True


def stop(state: State) -> Instance | None:
    """Stop the emulator and its jobs; return which it was, None if none ran."""
    instance = find(state)
    if instance is None:
        return None
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(instance.pid, number)
        if _until(lambda: not state.locked(), _STOP_SECONDS):
            _reap()
            state.instance_file.unlink(missing_ok=True)
            return instance
    raise LocalError(f"The embedded AWS (pid {instance.pid}) does not end.")


def status(instance: Instance) -> dict[str, Any]:
    """What is deployed and what runs (see `console.status`)."""
    answer: dict[str, Any] = ask(instance, "status")
    return answer


def progress(instance: Instance, execution: str) -> Progress:
    """How far an execution is, by its name (with or without `sfn-`) or ARN; LocalError if it does not
    exist.
    """
    answer = ask(instance, f"executions/{execution}")
    if answer is None:
        raise LocalError(
            f"No execution {execution} on the embedded AWS. `flowinfra local status` lists what is deployed."
        )
    return Progress.from_dict(answer)


def messages(instance: Instance) -> dict[str, Any]:
    """What was published to each topic (`topics`), and the events that no target got (`lost`)."""
    found: dict[str, Any] = ask(instance, "messages")
    return found


def ask(instance: Instance, path: str) -> Any:
    """An answer of the emulator's console; None for what it does not know.

    LocalError if it does not answer.
    """
    # no proxy of the shell may come between
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{instance.endpoint}/_flowinfra/{path}", timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise LocalError(f"The embedded AWS failed: {error}") from error
    except (OSError, ValueError) as error:
        raise LocalError(f"The embedded AWS at {instance.endpoint} does not answer: {error}") from error


def _check_port(port: int) -> None:
    """Raise LocalError if a port is taken, naming by whom where that can be known."""
    with socket.socket() as probe:
        # as the server does, so that a connection in TIME_WAIT does not count
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OverflowError as error:
            raise LocalError(f"{port} is not a port: {error}.") from None
        except OSError as error:
            raise LocalError(
                f"The embedded AWS cannot have port {port}: {error.strerror}{_taken_by(port)}. "
                "Choose another with `flowinfra local start --port N` (0: any that is free)."
            ) from None


def _taken_by(port: int) -> str:
    """` (by …)` with the program that listens on a port; empty where neither it nor the system names it."""
    with contextlib.suppress(LocalError):
        other = Instance(pid=0, port=port, started="", schedules=False, call_log=False, max_jobs=0)
        found = ask(other, "status")
        if found:
            return f" (by another embedded AWS, pid {found['pid']})"
    if shutil.which("lsof"):
        command = ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
        fields = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
        facts = {field[0]: field[1:] for field in fields}
        if "p" in facts:
            return f" (by {facts.get('c', 'a process')}, pid {facts['p']})"
    return ""


def _spawn(state: State, options: Options, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flowinfra.local.server"]
    command += ["--port", str(port), "--state", str(state.root), "--python", options.python]
    if options.max_jobs is not None:
        command += ["--max-jobs", str(options.max_jobs)]
    command += ["--call-log"] if options.call_log else []
    command += ["--schedules"] if options.schedules else []
    command += ["--iam-delay", str(options.iam_delay)] if options.iam_delay else []
    state.root.mkdir(parents=True, mode=0o700, exist_ok=True)
    with state.server_log.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=state.root,
        )
    _children.append(process)
    return process


def _reap() -> None:
    """Take leave of the emulators that this process started and that have ended."""
    _children[:] = [process for process in _children if process.poll() is None]


def _await_start(state: State, process: subprocess.Popen[bytes]) -> Instance:
    """Wait until an emulator serves; LocalError, with its last words, if it does not come to that.

    It may be another one than that process, if somebody else was faster: that is as good.
    """

    def settled() -> bool:
        return _serving(state) is not None or (process.poll() is not None and not state.locked())

    _until(settled, _START_SECONDS)
    instance = _serving(state)
    if instance is not None:
        return instance
    if process.poll() is None:
        process.kill()
        process.wait()
    words = state.server_log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    raise LocalError("The embedded AWS did not start:\n  " + "\n  ".join(words or ["(it said nothing)"]))


def _serving(state: State) -> Instance | None:
    """The recorded emulator, if it is the one that answers."""
    instance = find(state)
    if instance is None:
        return None
    try:
        return instance if status(instance)["pid"] == instance.pid else None
    except LocalError:
        return None


def _until(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
