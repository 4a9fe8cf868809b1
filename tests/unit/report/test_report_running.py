"""Counting running executions: what AWS is asked, and what is not believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from flowinfra.errors import ToolError
from flowinfra.report import running
from flowinfra.report.running import running_executions

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:TrainFlow"
ASKED = {"stateMachineArn": ARN, "statusFilter": "RUNNING", "maxResults": 1_000}


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    client = boto3.client(
        "stepfunctions", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    stubber = Stubber(client)
    stubber.activate()
    regions: Callable[[str], Any] = {"eu-west-1": client}.__getitem__
    monkeypatch.setattr(running, "_client", regions)
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
