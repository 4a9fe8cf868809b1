"""The engine is killed in the middle of `up`; after `cancel` and `recover`, `up` comes to what it would have been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable

from tests.e2e.support import Cloud, Project, wait_for


def test_killed_deploys_converge(cloud: Cloud, make_project: Callable[[], Project]) -> None:
    """Killed with the first role made, with the first state machine made, and in the middle of an update."""
    project = make_project()
    project.example("parameters")
    project.example("project")
    parameters = {"flow": "flows/parameters/parameter_flow.py", "name": "KilledFlow"}
    project.configure(parameters, {"flow": "flows/project/project_flow.py", "branch": "killed"})
    kill_during_up(cloud, project, "iam:CreateRole")
    recover(cloud, project)
    kill_during_up(cloud, project, "states:CreateStateMachine")
    recover(cloud, project)
    project.up("--refresh")
    project.is_unchanged()

    parameters["image"] = "python:3.12-slim"
    project.configure(parameters, {"flow": "flows/project/project_flow.py", "branch": "killed"})
    kill_during_up(cloud, project, "batch:RegisterJobDefinition")
    recover(cloud, project)
    project.up("--refresh")
    project.is_unchanged()

    cloud.start("KilledFlow").ended()


def kill_during_up(cloud: Cloud, project: Project, call: str) -> None:
    """Kill the engine and all that it started, once it has made a call of that name."""
    before = cloud.changes().count(call)
    pulumi = shutil.which("pulumi", path=project.environment["PATH"])
    assert pulumi is not None
    with subprocess.Popen(
        [pulumi, "up", "--yes", "--skip-preview", "--non-interactive", "-s", project.stack],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        wait_for(lambda: process.poll() is not None or cloud.changes().count(call) > before)
        assert process.poll() is None, "up had ended before"
        os.killpg(process.pid, signal.SIGKILL)


def recover(cloud: Cloud, project: Project) -> None:
    """What a person does then."""
    project.pulumi("cancel", "--yes", project.stack).succeeded()
    words = ("local", "exec", "--", "flowinfra", "recover", project.stack)
    cloud.flowinfra(*words, cwd=project.folder).succeeded()
