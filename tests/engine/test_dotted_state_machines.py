"""State machines of @project flows, whose names have dots: as well kept as those of other flows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source

pytestmark = pytest.mark.engine

NAME = "p.test.x.Shop"
LOGGED = {"step_functions": {"log_history": True}}


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
    project.write("flow.py", "from metaflow import project\n" + flow_source("Shop", header="@project(name='p')"))
    yield project
    if (project.folder / ".made").exists():
        project.pulumi("cancel", "--yes")
        project.pulumi("destroy", "--yes", "--skip-preview")


def configure(project: Project, flow: dict[str, Any] | None = None, **settings: Any) -> None:
    """The flow with these keys, and `aws:` settings of the stack."""
    project.configure({"flow": "flow.py", "branch": "x", **(flow or {})})
    file = project.folder / "stacks" / "Pulumi.test.yaml"
    text = yaml.safe_load(file.read_text())
    text["config"] |= {f"aws:{key}": value for key, value in settings.items()}
    file.write_text(yaml.safe_dump(text))


def machine(project: Project) -> dict[str, Any]:
    return project.machines()[NAME]


def tags(project: Project) -> dict[str, str]:
    found = project.cloud.client("stepfunctions").list_tags_for_resource(
        resourceArn=machine(project)["stateMachineArn"]
    )["tags"]
    own = {tag["key"]: tag["value"] for tag in found if not tag["key"].startswith("flowinfra:")}
    assert len(found) == len(own) + 4
    return own


def state_machine(project: Project) -> str:
    return f"{project.name}_{NAME}-state-machine"


def test_a_change_of_the_definition_is_seen_in_the_preview(project: Project) -> None:
    configure(project)
    project.up()
    configure(project, {"steps": {"start": {"memory": 8192}}})
    assert project.preview()[state_machine(project)]["op"] == "update"
    printed = project.pulumi("preview", "--diff", "--show-full-output")
    assert "JobDefinition" in printed
    before = json.loads(machine(project)["definition"])
    project.up()
    assert json.loads(machine(project)["definition"]) != before
    project.pulumi("preview", "--expect-no-changes")


def test_what_was_changed_by_hand_is_seen_and_put_back(project: Project) -> None:
    configure(
        project,
        {**LOGGED, "aws_tags": {"team": "ml", "cost": "7"}},
        defaultTags={"tags": {"by": "us"}},
    )
    project.up()
    deployed, deployed_tags = machine(project), tags(project)
    assert deployed["loggingConfiguration"]["level"] == "ALL"
    assert deployed_tags == {"team": "ml", "cost": "7", "by": "us"}
    project.pulumi("preview", "--refresh", "--expect-no-changes")
    states = project.cloud.client("stepfunctions")
    arn = deployed["stateMachineArn"]
    changed = {**json.loads(deployed["definition"]), "Comment": "by hand"}
    states.update_state_machine(
        stateMachineArn=arn,
        definition=json.dumps(changed),
        loggingConfiguration={"level": "OFF"},
        roleArn="arn:aws:iam::123456789012:role/metaflow-local-states",
    )
    states.untag_resource(resourceArn=arn, tagKeys=["team", "by"])
    states.tag_resource(resourceArn=arn, tags=[{"key": "cost", "value": "8"}, {"key": "hand", "value": "made"}])
    printed = project.pulumi("preview", "--refresh", "--diff")
    for seen in ("definition (hidden)", "roleArn", "OFF", "hand"):
        assert seen in printed, printed
    project.pulumi("up", "--refresh", "--yes", "--skip-preview")
    now = machine(project)
    for key in ("definition", "roleArn", "loggingConfiguration"):
        assert now[key] == deployed[key]
    assert tags(project) == deployed_tags
    project.pulumi("preview", "--refresh", "--expect-no-changes")


def test_tags_are_exact_after_any_change_of_tags(project: Project) -> None:
    for given, default, found in (
        ({"a": "1", "b": "2", "c": "3"}, {}, {"a": "1", "b": "2", "c": "3"}),
        ({"c": "3", "b": "9"}, {"z": "26"}, {"b": "9", "c": "3", "z": "26"}),
        ({"aa": "0", "c": "4", "z": "27"}, {"z": "26"}, {"aa": "0", "c": "4", "z": "27"}),
        ({}, {"y": "25"}, {"y": "25"}),
    ):
        configure(project, {"aws_tags": given}, defaultTags={"tags": default})
        project.up()
        assert tags(project) == found
        project.pulumi("preview", "--refresh", "--expect-no-changes")


def test_logging_that_is_switched_off_is_off(project: Project) -> None:
    configure(project, LOGGED)
    project.up()
    configure(project)
    project.up()
    assert machine(project)["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    project.pulumi("preview", "--refresh", "--expect-no-changes")


def test_a_state_machine_made_by_hand_is_refused_and_can_be_imported(project: Project) -> None:
    states = project.cloud.client("stepfunctions")
    definition = json.dumps({"StartAt": "start", "States": {"start": {"Type": "Pass", "End": True}}})
    arn = states.create_state_machine(
        name=f"{project.name}_{NAME}",
        definition=definition,
        roleArn="arn:aws:iam::123456789012:role/metaflow-local-states",
        tags=[{"key": "by", "value": "hand"}],
    )["stateMachineArn"]
    configure(project)
    project.pulumi("stack", "init", "--stack", "test")
    (project.folder / ".made").touch()
    printed = project.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "the state machine is there already, and is not one of Metaflow's: it is not replaced" in " ".join(
        printed.split()
    )
    assert arn in printed
    assert machine(project)["definition"] == definition
    state = json.loads(project.pulumi("stack", "export"))
    urns = [item["urn"] for item in state["deployment"]["resources"]]
    (component,) = (urn for urn in urns if urn.endswith(f"::{project.name}_{NAME}"))
    (provider,) = (urn for urn in urns if "::pulumi:providers:flowinfra-aws::" in urn)
    project.pulumi(
        *("import", "flowinfra-aws:sfn:StateMachine", state_machine(project), arn, "--parent", f"flow={component}"),
        *("--provider", f"aws={provider}", "--yes", "--skip-preview", "--protect=false", "--generate-code=false"),
    )
    assert project.preview()[state_machine(project)]["op"] == "update"
    project.up()
    assert machine(project)["stateMachineArn"] == arn
    assert machine(project)["definition"] != definition
    assert tags(project) == {}
    project.pulumi("preview", "--refresh", "--expect-no-changes")
