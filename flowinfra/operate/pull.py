"""Makes runs on Step Functions, Argo and Airflow visible to Metaflow's Client API without a metadata service.

Without a service, each finished task leaves its metadata as an object in the datastore, and nothing
ever collects it. `pull` does, with Metaflow's own function (the one that `--with batch` uses after
a remote task), into the `.metaflow` folder that Metaflow would use in the destination. It works on
any datastore in S3 that the environment's Metaflow configuration names.

Incremental: a run whose `end` task is here is not looked at again, and of others only tasks that
are new.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowinfra.errors import ConfigError, ToolError


@dataclass(frozen=True)
class PulledRun:
    """A run in its present state on this machine."""

    id: str
    new_tasks: int
    complete: bool
    """Whether the run's `end` task is here."""

    def __str__(self) -> str:
        return f"{self.id}: {self.new_tasks} new tasks{'' if self.complete else ', not finished'}"


@dataclass(frozen=True)
class Pulled:
    """What a pull did."""

    flow: str
    runs: tuple[PulledRun, ...]
    metadata: Path
    """The `.metaflow` folder."""


def pull(
    flow: str,
    run_id: str | None = None,
    destination: Path | None = None,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> Pulled:
    """Pull a run, or all runs of a flow.

    `environment` is that of the process (default: this one's); its METAFLOW_* and configuration say
    which datastore. Metaflow reads its configuration at import and looks for `.metaflow` from the
    working directory up, so this happens in a child process. Raises ConfigError if there is nothing
    to pull, or no datastore is configured.
    """
    folder = destination or Path.cwd()
    child = dict(os.environ if environment is None else environment)
    # the metadata that is pulled is local, whatever the shell's default is
    child["METAFLOW_DEFAULT_METADATA"] = "local"
    command = [python, "-m", "flowinfra.operate.pull_child", flow, *([run_id] if run_id else [])]
    done = subprocess.run(command, cwd=folder, env=child, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise ToolError(f"Runs of {flow} could not be pulled: {words[-1] if words else 'no reason given'}")
    answer = json.loads(lines[-1])
    if "error" in answer:
        raise ConfigError(answer["error"])
    return Pulled(
        flow=flow,
        runs=tuple(PulledRun(**run) for run in answer["runs"]),
        metadata=Path(answer["metadata"]),
    )
