"""IAM takes time: what was written to a role counts seconds later, and a deployment that changes roles survives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source

DELAY = "4"
SCHEDULED = "from metaflow import schedule\n@schedule(daily=True)"


@pytest.fixture(scope="module")
def slow_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An embedded AWS whose IAM needs some seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWINFRA_LOCAL_IAM_DELAY", DELAY)
        cloud = Cloud(tmp_path_factory.mktemp("slow") / "state")
    try:
        yield cloud
    finally:
        cloud.stop()


def test_roles_that_are_made_and_changed_are_waited_for(slow_cloud: Cloud, tmp_path: Path) -> None:
    project = Project(slow_cloud, tmp_path / "project", "iamdelay")
    project.write("flows/flow.py", flow_source("SlowFlow"))
    project.configure({"flow": "flows/flow.py"})
    project.up()

    # log delivery needs a right that the role gets in the same deployment; UpdateStateMachine is not tried again
    project.configure({"flow": "flows/flow.py", "step_functions": {"log_history": True}})
    project.up()
    logging = next(iter(project.machines().values()))["loggingConfiguration"]
    assert logging["level"] == "ALL"

    # a schedule that is added to a flow has a role of its own
    project.write("flows/flow.py", flow_source("SlowFlow", header=SCHEDULED))
    project.up()
    assert len(project.schedules()) == 1
    assert project.preview() == {}


def test_without_the_wait_it_fails(slow_cloud: Cloud, tmp_path: Path) -> None:
    project = Project(slow_cloud, tmp_path / "project", "iamhasty")
    project.variables = {"FLOWINFRA_IAM_SECONDS": "0"}
    project.write("flows/flow.py", flow_source("HastyFlow"))
    project.configure({"flow": "flows/flow.py"})
    project.up()
    project.configure({"flow": "flows/flow.py", "step_functions": {"log_history": True}})
    printed = project.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "not authorized to access the Log Destination" in printed
