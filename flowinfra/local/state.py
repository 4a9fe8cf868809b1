"""The emulator's folder: everything that it leaves on disk, and the record of the process that
serves it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from flowinfra.engine.folders import state_folder

HOME_VARIABLE = "FLOWINFRA_LOCAL_HOME"
"""Environment variable that names the folder in place of the default."""


@dataclass(frozen=True)
class Instance:
    """A running emulator, as recorded by it once it serves."""

    pid: int
    port: int
    started: str
    """ISO 8601, UTC."""
    schedules: bool
    """Whether EventBridge schedules fire."""
    call_log: bool
    max_jobs: int
    iam_delay: float = 0.0
    """Seconds after which what is written to a role counts."""

    @property
    def endpoint(self) -> str:
        """URL of the emulator: always loopback."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class State:
    """Paths in the emulator's folder.

    Pulumi's local backend and home are in it, so that a stack never outlives the resources that it
    describes: the emulator keeps those in memory, and `clear` at its start removes both.
    """

    root: Path

    @property
    def instance_file(self) -> Path:
        """Record of the process that serves; absent when none does."""
        return self.root / "instance.json"

    @property
    def lock_file(self) -> Path:
        """Held by the process that serves, from before it clears the folder until it ends."""
        return self.root / "lock"

    @property
    def server_log(self) -> Path:
        """Standard output and error of the emulator."""
        return self.root / "server.log"

    @property
    def call_log(self) -> Path:
        """One JSON object per API call, where the call log is on."""
        return self.root / "calls.jsonl"

    @property
    def jobs(self) -> Path:
        """One folder per attempt of a Batch job: its log, working directory and private /tmp."""
        return self.root / "jobs"

    @property
    def bytecode(self) -> Path:
        """Python byte code of jobs, by code package."""
        return self.root / "bytecode"

    @property
    def bin(self) -> Path:
        """`python` and `python3` of the jobs."""
        return self.root / "bin"

    @property
    def aws_config(self) -> Path:
        """An empty AWS configuration file, in place of the user's."""
        return self.root / "aws-config"

    @property
    def pulumi_backend(self) -> Path:
        """Pulumi's local backend."""
        return self.root / "pulumi"

    @property
    def pulumi_home(self) -> Path:
        """PULUMI_HOME."""
        return self.root / "pulumi-home"

    @property
    def metaflow_home(self) -> Path:
        """METAFLOW_HOME: production tokens of `create` land here, not in the user's home."""
        return self.root / "metaflow-home"

    @property
    def metaflow_config(self) -> Path:
        """METAFLOW_* of what is deployed, written by whoever deploys; `exec` merges it."""
        return self.root / "metaflow_config.json"

    def clear(self) -> None:
        """Remove what a previous emulator left and make the folders of a new one.

        The lock and the log stay: the process that clears holds the one and writes the other.
        """
        self.root.mkdir(parents=True, mode=0o700, exist_ok=True)
        for path in self.root.iterdir():
            if path in (self.lock_file, self.server_log):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        for folder in (
            self.jobs,
            self.bytecode,
            self.bin,
            self.pulumi_backend,
            self.pulumi_home,
            self.metaflow_home,
        ):
            folder.mkdir()
        self.aws_config.touch()

    def locked(self) -> bool:
        """Whether a process serves (or is about to): it holds the lock as long as it lives."""
        try:
            with self.lock_file.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def stacks(self) -> list[str]:
        """Names of the Pulumi stacks in the local backend."""
        folder = self.pulumi_backend / ".pulumi" / "stacks"
        return sorted({path.name.split(".json")[0] for path in folder.rglob("*.json*")})

    def write_instance(self, instance: Instance) -> None:
        """Record the process that serves; readers never see half a file."""
        partial = self.instance_file.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(instance)))
        partial.replace(self.instance_file)

    def read_instance(self) -> Instance | None:
        """The recorded process, which may have died since; None without a (readable) record."""
        try:
            return Instance(**json.loads(self.instance_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def default_state() -> State:
    """The folder named by FLOWINFRA_LOCAL_HOME, else `flowinfra/local` in the user's state folder
    (XDG).

    One per user and not per folder: the port is one per machine, and so `exec` and `status` work
    from anywhere.
    """
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return State(Path(named).expanduser().absolute())
    return State(state_folder("local"))
