"""What differs between what is live and what was deployed, in words; and who is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowinfra.clouds import aws as account
from flowinfra.clouds.aws import Access
from flowinfra.errors import StateError, ToolError
from flowinfra.operate.verify import stack
from flowinfra.operate.verify.aws import Calls
from flowinfra.operate.verify.compare import not_in, same_policy, tag_differences
from flowinfra.operate.verify.definition import definition_differences
from flowinfra.operate.verify.resources import KINDS, Live

JOB = "arn:aws:batch:us-east-1:123456789012:job-definition/dev-train:"


def definition(**more: Any) -> dict[str, Any]:
    train = {"Type": "Task", "Parameters": {"JobDefinition": f"{JOB}2", "RetryStrategy": {"Attempts": 1}}}
    many = {"Type": "Map", "Iterator": {"States": {"train": train}}, "Next": "end"}
    return {"StartAt": "start", "States": {"start": many, "end": {"Type": "Succeed"}}, **more}


def differences(live: dict[str, Any]) -> list[str]:
    return list(definition_differences(json.dumps(definition()), json.dumps(live)))


def test_a_definition_is_compared_step_by_step_also_inside_of_a_foreach() -> None:
    assert differences(json.loads(json.dumps(definition(), indent=2))) == []
    live = definition(TimeoutSeconds=60)
    live["States"]["start"]["Iterator"]["States"]["train"]["Parameters"] = {
        "JobDefinition": f"{JOB}1",
        "RetryStrategy": {"Attempts": 3},
    }
    live["States"]["more"] = {"Type": "Succeed"}
    del live["States"]["end"]
    assert differences(live) == [
        "step end: is missing in the definition",
        "step more: is in the definition, and was not deployed",
        "step train: runs the job definition dev-train:1, deployed was dev-train:2",
        "step train: Parameters.RetryStrategy.Attempts is 3, deployed was 1",
        "definition: TimeoutSeconds is 60, deployed was none",
    ]


def test_a_job_definition_is_compared_with_its_newest_revision() -> None:
    """Definitions name no revision, so one that somebody else registered is what jobs are made from."""
    container = {"image": "python:3.11", "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    inputs = {
        "name": "dev-train",
        "containerProperties": json.dumps(container),
        "timeout": {"attemptDurationSeconds": 60},
        "parameters": {"metaflow.owner": "flowinfra"},
    }
    deployed = {
        "revision": 1,
        "containerProperties": {**container, "environment": list(reversed(container["environment"])), "vcpus": 1},
        "timeout": {"attemptDurationSeconds": 60},
        "parameters": {"metaflow.owner": "flowinfra"},
        "tags": {},
    }
    revisions: list[dict[str, Any]] = [deployed]

    class Asked(Calls):
        def __init__(self) -> None: ...

        def ask(self, region: str, service: str, call: str, **arguments: Any) -> dict[str, Any] | None:
            assert (service, call) == ("batch", "describe_job_definitions")
            assert arguments == {"jobDefinitionName": "dev-train", "status": "ACTIVE"}
            return {"jobDefinitions": revisions}

    def differs() -> list[str]:
        return list(KINDS["aws:batch/jobDefinition:JobDefinition"](Live(Asked(), "us-east-1", "", inputs, {})))

    assert differs() == []
    other = {"image": "python:3.12", "environment": [{"name": "A", "value": "2"}, {"name": "C", "value": "3"}]}
    revisions.append(
        {**deployed, "revision": 2, "containerProperties": other, "timeout": {"attemptDurationSeconds": 90}}
    )
    assert differs() == [
        f"revision 2 has another {path} than was deployed"
        for path in ("image", "environment.A", "environment.B", "environment.C", "timeout.attemptDurationSeconds")
    ]
    revisions.clear()
    assert differs() == ["is not registered any more (INACTIVE): AWS refuses to start its steps"]


def test_tags_are_exact_but_for_those_of_aws() -> None:
    assert list(tag_differences({"a": "1", "b": "2"}, {"b": "3", "c": "4", "aws:x": "y"})) == [
        "the tag a is missing",
        "the tag b is '3', deployed was '2'",
        "has the tag c, which was not deployed",
    ]


def test_a_pod_identity_is_compared_with_what_was_deployed() -> None:
    inputs = {"clusterName": "prod", "roleArn": "arn:aws:iam::1:role/a", "tags": {"team": "ml"}}
    found: list[dict[str, Any] | None] = [{"association": {"roleArn": "arn:aws:iam::1:role/a", "tags": {"team": "ml"}}}]

    class Asked(Calls):
        def __init__(self) -> None: ...

        def ask(self, region: str, service: str, call: str, **arguments: Any) -> dict[str, Any] | None:
            assert (service, call) == ("eks", "describe_pod_identity_association")
            assert arguments == {"clusterName": "prod", "associationId": "a-1"}
            return found[0]

    def differs() -> list[str]:
        compared = KINDS["aws:eks/podIdentityAssociation:PodIdentityAssociation"]
        return list(compared(Live(Asked(), "us-east-1", "a-1", inputs, {})))

    assert differs() == []
    found[0] = {"association": {"roleArn": "arn:aws:iam::1:role/b"}}
    assert differs() == [
        "gives pods the role arn:aws:iam::1:role/b, deployed was arn:aws:iam::1:role/a",
        "the tag team is missing",
    ]
    found[0] = None
    assert differs() == ["is not there: the flow's pods have no role"]


def test_policies_are_compared_by_what_they_say() -> None:
    asked = {"Statement": [{"Effect": "Allow", "Action": ["s3:Get", "s3:Put"], "Resource": "*"}]}
    live = {"Statement": {"Effect": "Allow", "Action": ["s3:Put", "s3:Get"], "Resource": ["*"]}}
    assert same_policy(json.dumps(asked), live)
    live["Statement"]["Resource"] = ["other"]
    assert not same_policy(json.dumps(asked), live)


def test_what_aws_adds_to_a_container_is_no_difference() -> None:
    asked = {"image": "a", "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": ""}], "volumes": []}
    live = {"image": "b", "environment": [{"name": "B", "value": "2"}], "ulimits": [], "privileged": False}
    assert list(not_in(asked, live)) == ["image"]


def export(*resources: dict[str, Any]) -> bytes:
    return json.dumps({"version": 3, "deployment": {"resources": list(resources)}}).encode()


MACHINE = {
    "urn": "urn:pulumi:dev::app::flowinfra:aws:StepFunctionsFlow$aws:sfn/stateMachine:StateMachine::train",
    "type": "aws:sfn/stateMachine:StateMachine",
    "id": "arn:aws:states:us-east-1:123456789012:stateMachine:train",
    "inputs": {"definition": "{}", "roleArn": "r"},
}


def test_credentials_of_another_account_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stack, "export_state", lambda folder, name: export(MACHINE))
    monkeypatch.setattr(account, "caller_account", lambda session: "999999999999")
    with pytest.raises(ToolError, match="account 123456789012, and the credentials here are of 999999999999"):
        stack.verify("dev", tmp_path, Access(region="us-east-1"))


def test_a_stack_that_has_nothing_deployed_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stack, "export_state", lambda folder, name: export())
    with pytest.raises(StateError, match="has no resources: the stack was never deployed, or is destroyed"):
        stack.verify("dev", tmp_path, Access(region="us-east-1"))
