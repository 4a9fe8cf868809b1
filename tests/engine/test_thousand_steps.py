"""A flow of a thousand steps is one state machine, which is deployed and runs to its end."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Cloud
from tests.engine.project import Project

BRANCHES, LENGTH = 25, 40
RESOURCES = 12
"""Pulumi's resources of a flow, however many steps it has: the component included, the stack and providers not."""


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
    yield project
    project.pulumi("destroy", "--yes", "--skip-preview")


def wide_flow(branches: int, length: int) -> str:
    """A flow of rows of steps between start and join."""
    lines = ["from metaflow import FlowSpec, step", "", "class WideFlow(FlowSpec):"]

    def step(name: str, *after: str, arguments: str = "self") -> None:
        following = f"self.next({', '.join(f'self.{each}' for each in after)})" if after else "pass"
        lines.extend(["    @step", f"    def {name}({arguments}):", f"        {following}"])

    step("start", *(f"b{row}_0" for row in range(branches)))
    for row in range(branches):
        for place in range(length):
            step(f"b{row}_{place}", f"b{row}_{place + 1}" if place + 1 < length else "join")
    step("join", "end", arguments="self, inputs")
    step("end")
    return "\n".join([*lines, "", "if __name__ == '__main__':", "    WideFlow()", ""])


def test_a_thousand_steps(project: Project, cloud: Cloud) -> None:
    project.write("flow.py", wide_flow(BRANCHES, LENGTH))
    project.configure({"flow": "flow.py"})
    project.up()
    resources = json.loads(project.pulumi("stack", "export"))["deployment"]["resources"]
    own = [each for each in resources if "StepFunctionsFlow" in each["urn"]]
    assert len(own) <= RESOURCES
    assert not any("stackTrace" in each or "sourcePosition" in each for each in own)
    machine = project.machines()["WideFlow"]
    assert machine["definition"].count('"JobDefinition"') == BRANCHES * LENGTH + 3

    # light jobs: whoever registers a revision of the name says what they run
    [job] = project.job_definitions()
    cloud.client("batch").register_job_definition(
        jobDefinitionName=job.rpartition(":")[0],
        type="container",
        containerProperties={
            "image": "busybox",
            "command": ["true"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}],
        },
    )
    states = cloud.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"Parameters": "{}"}')[
        "executionArn"
    ]
    deadline = time.monotonic() + 900
    while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(1)
    assert found["status"] == "SUCCEEDED", found.get("cause")
