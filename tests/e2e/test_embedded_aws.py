"""Metaflow's own deployment, run on the embedded AWS: no part of flowinfra but the emulator and `pull` is in it."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from flowinfra.errors import ConfigError
from flowinfra.operate.pull import pull
from tests.e2e.support import FLOWS, Cloud, Execution, ask, command

FLOW = "emulator_flow.py"
MACHINES = {"EmulatorFlow": (), "EmulatorFlow-map": ("--use-distributed-map", "--compress-state-machine")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the flow is, and where its runs are pulled to."""
    folder = tmp_path_factory.mktemp("embedded")
    shutil.copy(FLOWS / "emulator" / FLOW, folder)
    (folder / ".metaflow").mkdir()
    return folder


@pytest.fixture(scope="module")
def runs(cloud: Cloud, folder: Path) -> dict[str, Execution]:
    """A run of each deployment, ended. They go on side by side."""
    started = {}
    for machine, options in MACHINES.items():
        flow = [sys.executable, FLOW, "--datastore", "s3", "step-functions", "--name", machine]
        command([*flow, "create", *options], cloud.environment, folder).succeeded()
        words = ["trigger", "--alpha", "0.5", "--my-word", "two words"]
        said = command([*flow, *words], cloud.environment, folder).succeeded().output
        found = re.search(r"run-id (sfn-[0-9a-f-]+)", said)
        assert found is not None, said
        started[machine] = cloud.execution(found[1])
    return {machine: execution.ended() for machine, execution in started.items()}


@pytest.mark.parametrize("machine", MACHINES)
def test_steps_of_a_run(runs: dict[str, Execution], machine: str) -> None:
    steps = {step.name: (step.state, step.done, step.attempts) for step in runs[machine].progress.steps}
    assert steps == {
        "start": ("succeeded", 1, 1),
        "work": ("succeeded", 2, 2),
        "join": ("succeeded", 1, 1),
        "end": ("succeeded", 1, 1),
    }


@pytest.mark.parametrize("machine", MACHINES)
def test_the_client_api_reads_a_pulled_run(
    cloud: Cloud, folder: Path, runs: dict[str, Execution], machine: str
) -> None:
    run_id = runs[machine].run_id
    pull("EmulatorFlow", run_id, folder, cloud.environment)
    script = f"""
        from metaflow import Run, namespace
        namespace(None)
        run = Run("EmulatorFlow/{run_id}")
        tags = sorted(run.tags)
        namespace(next(tag for tag in tags if tag.startswith("production:")))
        data = Run("EmulatorFlow/{run_id}").data
        answer([run.finished, sorted(data.results), "caught" in str(data.failure), data.my_word,
                "runtime:step-functions" in tags, sorted(task.id for task in run["work"])])
    """
    tasks = sorted(task.id for step in runs[machine].progress.steps if step.name == "work" for task in step.tasks)
    assert ask(script, cloud.environment, folder) == [True, [0.5, 1.0], True, "two words", True, tasks]


def test_pull_is_incremental_and_takes_all_runs(cloud: Cloud, runs: dict[str, Execution], tmp_path: Path) -> None:
    (tmp_path / ".metaflow").mkdir()
    expected: Any = sorted(execution.run_id for execution in runs.values())
    first = pull("EmulatorFlow", destination=tmp_path, environment=cloud.environment)
    assert [(run.id, run.new_tasks, run.complete) for run in first.runs] == [(each, 5, True) for each in expected]
    assert first.metadata == tmp_path / ".metaflow"
    again = pull("EmulatorFlow", destination=tmp_path, environment=cloud.environment)
    assert [(run.id, run.new_tasks) for run in again.runs] == [(each, 0) for each in expected]


def test_pull_of_what_is_not_there(cloud: Cloud, runs: dict[str, Execution], tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"has no run of flow Nothing that a deployment made\. Flows in it: .*EmulatorFlow"
    ):
        pull("Nothing", destination=tmp_path, environment=cloud.environment)
    with pytest.raises(ConfigError, match="has no run sfn-x in s3://"):
        pull("EmulatorFlow", "sfn-x", tmp_path, cloud.environment)
    bare = {name: value for name, value in cloud.environment.items() if not name.startswith("METAFLOW_")}
    bare["METAFLOW_HOME"] = str(tmp_path)
    with pytest.raises(ConfigError, match="No S3 datastore is configured"):
        pull("EmulatorFlow", destination=tmp_path, environment=bare)


def test_logs_are_readable_by_step_and_task(cloud: Cloud, runs: dict[str, Execution]) -> None:
    progress = runs["EmulatorFlow"].progress
    work = next(step for step in progress.steps if step.name == "work")
    retried = next(task for task in work.tasks if task.attempts == 2)
    text = cloud.flowinfra("local", "logs", f"{progress.run_id}/work/{retried.id}").succeeded().stdout
    assert text.count("working on 2") == 2
    assert "attempt 2 of 2" in text
    assert "the first attempt fails" in text


def test_a_run_that_fails_names_step_and_reason(cloud: Cloud, runs: dict[str, Execution], folder: Path) -> None:
    done = cloud.flowinfra("local", "run", "EmulatorFlow", "--alpha", "text", cwd=folder)
    assert "error: parameter --alpha is a number, not 'text'" in done.failed()
    assert "error: EmulatorFlow-other is not deployed" in cloud.flowinfra("local", "run", "EmulatorFlow-other").failed()
