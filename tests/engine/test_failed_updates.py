"""After a deploy that failed: the next one deploys what was asked, or stops; and `flowinfra verify` tells what is."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowinfra.targets.step_functions.states import submitting_states
from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source
from tests.engine.refusing import Refusing, refusing

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

CALLS = {
    "RegisterJobDefinition": "/registerjobdefinition",
    "UpdateStateMachine": "UpdateStateMachine",
    "UpdateSchedule": "/schedules/",
    "PutRolePolicy": "Action=PutRolePolicy",
}


@pytest.fixture
def cloud_that_refuses(cloud: Cloud) -> Iterator[Refusing]:
    with refusing(cloud.instance.endpoint) as between:
        yield between


@pytest.fixture
def project(
    cloud: Cloud, cloud_that_refuses: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
    project.variables["AWS_ENDPOINT_URL"] = cloud_that_refuses.endpoint
    yield project
    if (project.folder / ".made").exists():
        cloud_that_refuses.refused.clear()
        project.pulumi("destroy", "--yes", "--skip-preview", "--refresh")


def verify(project: Project) -> list[tuple[str, str]]:
    """What `flowinfra verify` finds: (resource, words)."""
    found = project.flowinfra("verify", "test", "--json")
    return [(item["resource"].removeprefix(f"{project.name}_"), item["what"]) for item in found["differences"]]


def test_a_failed_update_is_never_green(project: Project, cloud_that_refuses: Refusing) -> None:
    name = f"Fails{project.name}"

    def configure(version: int) -> None:
        header = f"@schedule(cron='{version} 3 * * ? *')"
        project.write("flow.py", flow_source(name, header=header, body=f"print({version})"))
        project.configure({"flow": "flow.py", "image": f"python:3.{version}", "aws_tags": {"version": str(version)}})

    configure(10)
    project.up()
    assert verify(project) == []
    for version, refused in enumerate(("UpdateStateMachine", "UpdateSchedule"), 11):
        configure(version)
        cloud_that_refuses.refused = {CALLS[refused]}
        project.pulumi("up", "--yes", "--skip-preview", "--continue-on-error", fails=True)
        cloud_that_refuses.refused = set()
        assert any("last update failed" in what for _, what in verify(project)), refused

        assert "its last update failed" in project.pulumi("preview"), refused
        stopped = project.pulumi("up", "--yes", "--skip-preview", fails=True)
        assert "its last update failed" in stopped, refused
        assert "pulumi up --refresh -s test" in stopped, refused

        project.pulumi("up", "--yes", "--skip-preview", "--refresh")
        assert verify(project) == [], refused
        assert images(project, name) == {f"python:3.{version}"}
        [schedule] = project.schedules()
        found = project.cloud.client("scheduler").get_schedule(Name=schedule)
        assert found["ScheduleExpression"] == f"cron({version} 3 * * ? *)"
        project.pulumi("preview", "--expect-no-changes")


def test_a_job_definition_that_was_refused_is_made_by_the_next_up(
    project: Project, cloud_that_refuses: Refusing
) -> None:
    """Its name is new, so nothing of the flow was updated when it failed."""
    name = f"Refused{project.name}"
    project.write("flow.py", flow_source(name))
    project.configure({"flow": "flow.py", "image": "python:3.10"})
    project.up()
    project.configure({"flow": "flow.py", "image": "python:3.11"})
    cloud_that_refuses.refused = {CALLS["RegisterJobDefinition"]}
    project.pulumi("up", "--yes", "--skip-preview", "--continue-on-error", fails=True)
    cloud_that_refuses.refused = set()
    assert verify(project) == []
    assert images(project, name) == {"python:3.10"}
    project.up()
    assert verify(project) == []
    assert images(project, name) == {"python:3.11"}
    project.pulumi("preview", "--expect-no-changes")


def images(project: Project, machine: str) -> set[str]:
    """Images of the jobs that the deployed definition submits."""
    states = submitting_states(json.loads(project.machines()[machine]["definition"]))
    named = {f"{state['Parameters']['JobDefinition']}:1" for state in states}
    found = project.cloud.client("batch").describe_job_definitions(jobDefinitions=sorted(named))["jobDefinitions"]
    return {each["containerProperties"]["image"] for each in found}


def test_what_was_changed_by_hand_is_told(project: Project, cloud: Cloud) -> None:
    name = f"Hand{project.name}"
    project.write("flow.py", flow_source(name, "train", header="@schedule(daily=True)"))
    project.configure({"flow": "flow.py"})
    project.up()
    assert verify(project) == []

    states, batch, scheduler, iam, s3 = map(cloud.client, ("stepfunctions", "batch", "scheduler", "iam", "s3"))
    machine = project.machines()[name]
    arn = machine["stateMachineArn"]
    definition = json.loads(machine["definition"])
    definition["States"]["train"]["TimeoutSeconds"] = 5
    definition["States"]["end"]["Parameters"]["JobDefinition"] += "9"
    states.update_state_machine(
        stateMachineArn=arn,
        definition=json.dumps(definition),
        loggingConfiguration={"level": "ERROR", "includeExecutionData": False},
    )
    states.tag_resource(resourceArn=arn, tags=[{"key": "theirs", "value": "x"}])
    states.untag_resource(resourceArn=arn, tagKeys=["flowinfra:flow"])
    pinned = json.loads(machine["definition"])["States"]["train"]["Parameters"]["JobDefinition"]
    batch.deregister_job_definition(jobDefinition=f"{pinned}:1")
    [schedule] = project.schedules()
    found = scheduler.get_schedule(Name=schedule)
    kept = {key: found[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "Description")}
    scheduler.update_schedule(**kept, ScheduleExpressionTimezone="Asia/Tokyo", State="DISABLED")
    # what a `step-functions create` by hand makes
    cloud.client("events").put_rule(Name=schedule, ScheduleExpression="rate(1 day)")
    roles = {role.split("-")[-2]: role for role in project.roles()}
    [jobs] = [role for role in project.roles() if "-jobs-" in role or role.endswith("-jobs")] or [roles["jobs"]]
    iam.delete_role_policy(RoleName=jobs, PolicyName="flow")
    [package, *_] = [key for key in project.objects(name) if "/data/" in key]
    s3.delete_object(Bucket="metaflow-local", Key=package)

    words = "\n".join(f"{resource}: {what}" for resource, what in verify(project))
    assert f"{name}-state-machine: step train: TimeoutSeconds is 5, deployed was none" in words
    assert f"{name}-state-machine: step end: runs the job definition" in words
    assert f"{name}-state-machine: has the tag theirs, which was not deployed" in words
    assert f"{name}-state-machine: the tag flowinfra:flow is missing" in words
    assert f"{name}-job-start: is not registered any more (INACTIVE)" in words
    assert f"{name}-schedule: is DISABLED, deployed was ENABLED" in words
    assert f"{name}-schedule: runs by the clocks of Asia/Tokyo, deployed was UTC" in words
    assert (
        f"{name}-schedule: the rule {schedule}, which `step-functions create` makes, starts the flow as well" in words
    )
    assert "-role-policy: is not there" in words
    assert "-package: is not there" in words

    told = subprocess.run(
        ["flowinfra", "verify", "test"],
        cwd=project.folder,
        env={**cloud.environment, **project.variables},
        text=True,
        capture_output=True,
    )
    assert told.returncode == 3
    assert "step train: TimeoutSeconds is 5, deployed was none" in " ".join(told.stdout.split())
    project.pulumi("up", "--yes", "--skip-preview", "--refresh")
    # that rule is nobody's but the person's who made it
    cloud.client("events").delete_rule(Name=schedule)
    assert verify(project) == []
