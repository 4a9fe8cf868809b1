"""Counting running executions and workflows: what AWS and Kubernetes are asked, and what is not believed."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from flowinfra.errors import ToolError
from flowinfra.report import executions as running
from flowinfra.report.executions import running_executions, running_workflows
from flowinfra.report.risk import Starter

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:TrainFlow"
ASKED = {"stateMachineArn": ARN, "statusFilter": "RUNNING", "maxResults": 1_000}


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    client = boto3.client(
        "stepfunctions", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    stubber = Stubber(client)
    stubber.activate()
    clients: dict[tuple[str, str], Any] = {("eu-west-1", "123456789012"): client}
    monkeypatch.setattr(running, "_client", lambda region, account, _aws: clients[region, account])
    return stubber


def test_in_the_region_of_the_state_machine(states: Stubber) -> None:
    entry = {"executionArn": f"{ARN}:1", "stateMachineArn": ARN, "name": "1", "status": "RUNNING", "startDate": 0}
    states.add_response("list_executions", {"executions": [entry, entry]}, ASKED)
    assert running_executions(ARN) == 2


def test_one_that_is_gone_has_none(states: Stubber) -> None:
    states.add_client_error("list_executions", "StateMachineDoesNotExist")
    assert running_executions(ARN) == 0


def test_a_refusal_is_one_message(states: Stubber) -> None:
    states.add_client_error("list_executions", "AccessDeniedException")
    with pytest.raises(ToolError, match=r"TrainFlow: its executions cannot be listed: .*AccessDenied"):
        running_executions(ARN)


@pytest.mark.parametrize(
    "text", ["", "x", "[known after up]", "arn:aws:s3:::bucket", ARN + "\n", ARN.replace("eu-west-1", "evil.example/")]
)
def test_what_is_no_state_machine_is_not_asked_for(states: Stubber, text: str) -> None:
    assert running_executions(text) == 0


class Argo:
    """A cluster with one running workflow of each template."""

    def __init__(self, asked: list[tuple[str | None, str, list[str]]], context: str | None) -> None:
        self.asked, self.context = asked, context

    def running_workflows(self, namespace: str, templates: list[str]) -> list[str]:
        self.asked.append((self.context, namespace, templates))
        return [f"{name}-x" for name in templates]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, str, list[str]]]:
    found: list[tuple[str | None, str, list[str]]] = []
    monkeypatch.setattr(running, "_cluster", lambda context: Argo(found, context))
    return found


def test_workflows_in_the_context_of_the_stack(asked: list[Any]) -> None:
    assert running.running(Starter("WorkflowTemplate", "flows/train", "prod")) == 1
    assert asked == [("prod", "flows", ["train"])]


@pytest.mark.parametrize("text", ["", "x", "[known after up]", "../secrets/x", "flows/train\n", "flows/../x", "a/b/c"])
def test_what_is_no_template_is_not_asked_for(asked: list[Any], text: str) -> None:
    assert running_workflows(text, None) == 0
    assert asked == []
