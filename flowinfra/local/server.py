"""The emulator's process: `python -m flowinfra.local.server --port N --state DIR …`.

moto on one loopback port, mended, with Batch jobs as local processes. All state is in memory;
`control` starts and ends it.
"""

from __future__ import annotations

import argparse
import fcntl
import ipaddress
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from flowinfra.errors import LocalError
from flowinfra.local import bytecode, forks, iam_delay, identity, mends, platform, runner, wiring
from flowinfra.local.calls import Application, CallLog
from flowinfra.local.console import Console
from flowinfra.local.forks.launcher import launcher
from flowinfra.local.gate import Gate
from flowinfra.local.iam_delay import IamDelay
from flowinfra.local.schedules import Scheduler
from flowinfra.local.state import Instance, State

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How an emulator runs."""

    state: State
    port: int
    """0 for any that is free."""
    host: str = "127.0.0.1"
    python: str = sys.executable
    """Interpreter of the jobs; needs boto3 and requests (Metaflow itself comes in the code
    package).
    """
    max_jobs: int = 2
    """Jobs that run at once."""
    call_log: bool = False
    schedules: bool = False
    iam_delay: float = 0.0
    """Seconds after which what is written to a role counts."""


class _Handler(MotoRequestHandler):
    """A handler of requests that writes no line to stderr for each."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the call log has it."""


class Emulator:
    """An embedded AWS in this process. One per process: moto's state is global."""

    def __init__(self, settings: Settings) -> None:
        if not ipaddress.ip_address(settings.host).is_loopback:
            raise LocalError(
                f"The embedded AWS runs commands for whoever reaches it, so it serves loopback addresses only, "
                f"not {settings.host}."
            )
        self._settings = settings
        self._call_log = CallLog(settings.state.call_log) if settings.call_log else None
        self._delay = IamDelay(settings.iam_delay, Console(DomainDispatcherApplication(create_backend_app)))
        iam_delay.use(self._delay)
        self._server = self._listen()
        self._scheduler: Scheduler | None = None
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)

    @property
    def instance(self) -> Instance:
        """Record of this emulator, as others find it."""
        settings = self._settings
        return Instance(
            pid=os.getpid(),
            port=self._server.port,
            started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            schedules=settings.schedules,
            call_log=settings.call_log,
            max_jobs=settings.max_jobs,
            iam_delay=settings.iam_delay,
        )

    def start(self) -> Instance:
        """Serve, with the platform in place; return once both is so."""
        instance = self.instance
        _prepare_process(instance)
        mends.apply()
        settings = self._settings
        isolation = runner.detect_isolation()
        _write_launchers(settings.state.bin, launcher(settings.python, isolation))
        wiring.connect(
            wiring.Wiring(
                endpoint=instance.endpoint,
                state=settings.state,
                python=settings.python,
                isolation=isolation,
                slots=threading.Semaphore(settings.max_jobs),
                interpreter=(*_interpreter_folders(settings.python), Path(forks.__file__).parent),
                bytecode=bytecode.shared_folder(),
            )
        )
        self._thread.start()
        platform.create(instance.endpoint)
        self._delay.active = settings.iam_delay > 0
        if settings.schedules:
            self._scheduler = Scheduler(instance.endpoint)
            self._scheduler.start()
        settings.state.write_instance(instance)
        return instance

    def stop(self) -> None:
        """End all jobs, then serve no more."""
        if self._scheduler is not None:
            self._scheduler.stop()
        _end_jobs()
        self._server.shutdown()
        self._server.server_close()
        if self._call_log is not None:
            self._call_log.close()
        self._settings.state.instance_file.unlink(missing_ok=True)

    def _listen(self) -> BaseWSGIServer:
        settings = self._settings
        application: Application = self._delay
        if self._call_log is not None:
            application = self._call_log.around(application)
        return make_server(settings.host, settings.port, Gate(application), threaded=True, request_handler=_Handler)


def _prepare_process(instance: Instance) -> None:
    """Settings of moto and botocore that are read from the process's environment."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "METAFLOW_"))]:
        del os.environ[name]
    os.environ |= {
        "MOTO_PORT": str(instance.port),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    default_user_config["stepfunctions"] = {"execute_state_machine": True}


def _write_launchers(folder: Path, script: str) -> None:
    """`python` and `python3` of the jobs."""
    for name in ("python", "python3"):
        program = folder / name
        program.write_text(script)
        program.chmod(0o755)


def _interpreter_folders(python: str) -> tuple[Path, ...]:
    """Folders that an interpreter and its packages are in."""
    code = "import sys; print(*{sys.prefix, sys.base_prefix, *filter(None, sys.path)}, sep='\\n')"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"The jobs' interpreter {python} does not run: {done.stderr.strip()}")
    return tuple(path for path in map(Path, done.stdout.splitlines()) if path.is_dir())


def _end_jobs() -> None:
    from moto.batch.models import batch_backends

    jobs: list[Any] = list(batch_backends[identity.ACCOUNT][identity.REGION]._jobs.values())
    for job in jobs:
        job.terminate("The embedded AWS was stopped")
    for job in jobs:
        if job.is_alive():
            job.join(runner.GRACE + 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m flowinfra.local.server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--max-jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--call-log", action="store_true")
    parser.add_argument("--schedules", action="store_true")
    parser.add_argument("--iam-delay", type=float, default=0.0)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    settings = Settings(
        state=State(options.state.absolute()),
        port=options.port,
        host=options.host,
        python=options.python,
        max_jobs=options.max_jobs,
        call_log=options.call_log,
        schedules=options.schedules,
        iam_delay=options.iam_delay,
    )
    try:
        serve(settings)
    except (LocalError, OSError) as error:
        sys.exit(f"error: {error}")


def serve(settings: Settings) -> None:
    """Run an emulator in this process until a signal ends it."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    lock_file = settings.state.lock_file
    lock_file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"Another embedded AWS uses {settings.state.root}.") from None
        # the record of one that died: whoever reads it now would take it for ours
        settings.state.instance_file.unlink(missing_ok=True)
        if settings.state.server_log.exists():
            os.truncate(settings.state.server_log, 0)
        runner.end_leftovers(settings.state.jobs)
        settings.state.clear()
        emulator = Emulator(settings)
        emulator.start()
        ended.wait()
        emulator.stop()


if __name__ == "__main__":
    main()
