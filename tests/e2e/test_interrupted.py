"""The engine is killed in the middle of `up`; after `cancel` and `recover`, `up` comes to what it would have been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.e2e.support import Cloud, Project, wait_for

IMAGES = [f"python:3.{minor}-slim" for minor in range(9, 15)]
"""Each is an update: on a busy machine one may end before it is seen to have begun."""


def test_killed_deploys_converge(cloud: Cloud, make_project: Callable[[], Project]) -> None:
    """Killed with the first role made, with the first state machine made, and in the middle of an update."""
    project = make_project()
    project.example("parameters")
    project.example("project")
    parameters = {"flow": "flows/parameters/parameter_flow.py", "name": "KilledFlow"}
    project.configure(parameters, {"flow": "flows/project/project_flow.py", "branch": "killed"})
    assert kill_during_up(cloud, project, "CreateRole"), "up had ended before"
    recover(cloud, project)
    assert kill_during_up(cloud, project, "CreateStateMachine"), "up had ended before"
    recover(cloud, project)
    project.up("--refresh")
    project.is_unchanged()

    for image in IMAGES:
        parameters["image"] = image
        project.configure(parameters, {"flow": "flows/project/project_flow.py", "branch": "killed"})
        if kill_during_up(cloud, project, "RegisterJobDefinition"):
            break
    else:
        pytest.fail("no update was still running when its first call was seen")
    recover(cloud, project)
    project.up("--refresh")
    project.is_unchanged()

    cloud.start("KilledFlow").ended()


def kill_during_up(cloud: Cloud, project: Project, operation: str) -> bool:
    """Kill the engine and all that it started, once it has called that operation; False if it ended before."""
    log = cloud.state.call_log
    begun = log.stat().st_size

    def called() -> bool:
        with log.open() as file:
            file.seek(begun)  # what other tests' deploys called takes longer to read than a deploy takes
            return f'"operation": "{operation}"' in file.read()

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
        wait_for(lambda: process.poll() is not None or called())
        if process.poll() is not None:
            return False
        os.killpg(process.pid, signal.SIGKILL)
        return True


def recover(cloud: Cloud, project: Project) -> None:
    """What a person does then."""
    project.pulumi("cancel", "--yes", project.stack).succeeded()
    words = ("local", "exec", "--", "flowinfra", "recover", project.stack)
    cloud.flowinfra(*words, cwd=project.folder).succeeded()
