"""What is asked of AWS about executions, answered by a stand-in that botocore's own model checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from flowinfra.errors import ToolError, TriggerError
from flowinfra.operate.runs.account import Executions

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:Flow"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:Flow:abc"
CHILD = "arn:aws:states:eu-west-1:123456789012:execution:Flow/x:child"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def executions() -> Executions:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    return Executions(session, MACHINE)


@pytest.fixture
def states(executions: Executions) -> Iterator[Stubber]:
    with Stubber(executions._states) as stubber:
        yield stubber
    stubber.assert_no_pending_responses()


def described(arn: str, **more: Any) -> dict[str, Any]:
    return {
        "executionArn": arn,
        "stateMachineArn": MACHINE,
        "name": "abc",
        "startDate": NOW,
        "status": "FAILED",
        **more,
    }


def machine(states: Stubber) -> None:
    """A state machine that no flow was made into."""
    definition = json.dumps({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}})
    told = {"stateMachineArn": MACHINE, "name": "Flow", "definition": definition, "roleArn": "r", "type": "STANDARD"}
    states.add_response("describe_state_machine", {**told, "creationDate": NOW})


def event(number: int, kind: str, before: int, **details: Any) -> dict[str, Any]:
    return {"timestamp": NOW, "id": number, "previousEventId": before, "type": kind, **details}


def test_the_region_is_the_machines_and_an_account_is_not_asked_often(executions: Executions) -> None:
    assert (executions.region, executions.embedded, executions.interval) == ("eu-west-1", False, 3.0)
    assert executions.ref_of("sfn-abc") == executions.ref_of("abc") == EXECUTION


def test_a_start_that_is_tried_again_starts_one_run(executions: Executions, states: Stubber) -> None:
    machine(states)
    expected = {"stateMachineArn": MACHINE, "name": ANY, "input": '{"a": 1}'}
    states.add_response("start_execution", {"executionArn": EXECUTION, "startDate": NOW}, expected)
    assert executions.start({"a": 1}) == EXECUTION


def test_what_aws_refuses_is_an_error_in_its_words(executions: Executions, states: Stubber) -> None:
    machine(states)
    states.add_client_error("start_execution", "AccessDeniedException", "is not authorized to perform StartExecution")
    with pytest.raises(ToolError, match="not authorized to perform StartExecution"):
        executions.start({})
    states.add_client_error("describe_execution", "ExecutionDoesNotExist", "Execution Does Not Exist")
    with pytest.raises(TriggerError, match=r"there is no run sfn-abc of the state machine Flow; .* 90 days"):
        executions.run(EXECUTION)


def test_the_failure_of_a_distributed_map_is_in_an_execution_of_its_own(
    executions: Executions, states: Stubber
) -> None:
    task = {"resourceType": "batch", "resource": "submitJob"}
    cause = json.dumps({"JobId": "w", "StatusReason": "exited", "Container": {"ExitCode": 1, "LogStreamName": "l"}})
    map_run = "arn:aws:states:eu-west-1:123456789012:mapRun:Flow/x:y"
    failed = {"error": "States.ExceedToleratedFailureThreshold", "cause": "The specified tolerated failure"}
    states.add_response("describe_execution", described(EXECUTION, **failed))
    states.add_response("describe_execution", described(EXECUTION, **failed))
    parent = [
        event(1, "MapStateEntered", 0, stateEnteredEventDetails={"name": "each"}),
        event(2, "MapRunStarted", 1, mapRunStartedEventDetails={"mapRunArn": map_run}),
    ]
    asked = {"executionArn": EXECUTION, "reverseOrder": True, "maxResults": 1000}
    states.add_response("get_execution_history", {"events": parent[::-1]}, asked)
    listed = {"executionArn": CHILD, "stateMachineArn": MACHINE, "name": "c", "status": "FAILED", "startDate": NOW}
    states.add_response(
        "list_executions", {"executions": [listed]}, {"mapRunArn": map_run, "statusFilter": "FAILED", "maxResults": 1}
    )
    states.add_response("describe_execution", described(CHILD, error="States.TaskFailed", cause=cause))
    child = [
        event(1, "TaskStateEntered", 0, stateEnteredEventDetails={"name": "work"}),
        event(
            2,
            "TaskFailed",
            1,
            taskFailedEventDetails={**task, "cause": cause},
        ),
    ]
    states.add_response("get_execution_history", {"events": child[::-1]})
    failure = executions.run(EXECUTION).failure
    assert failure is not None
    assert (failure.step, failure.task, failure.exit_code, failure.log_stream) == ("work", "w", 1, "l")
