"""Histories as Step Functions gives them, of runs that succeeded, failed, were caught, stopped, and never began."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.operate.runs import history
from flowinfra.operate.runs.advice import Where, logs, resume
from flowinfra.operate.runs.history import Failure

RESOURCE = "arn:aws:states:::batch:submitJob.sync"
DEFINITION: dict[str, Any] = {
    "StartAt": "start",
    "States": {
        "start": {"Type": "Task", "Resource": RESOURCE, "Next": "each"},
        "each": {
            "Type": "Map",
            "Iterator": {"StartAt": "work", "States": {"work": {"Type": "Task", "Resource": RESOURCE, "End": True}}},
            "Next": "end",
        },
        "end": {"Type": "Task", "Resource": RESOURCE, "End": True},
    },
}


def job(name: str, code: int, attempts: int = 1, **container: Any) -> str:
    """What Batch says of an ended job, as an event has it."""
    tries = [
        {
            "Container": {"ExitCode": code, "LogStreamName": f"def/default/{name}-{number}"},
            "StartedAt": 10_000 * number,
            "StoppedAt": 10_000 * number + 5_000,
        }
        for number in range(1, attempts + 1)
    ]
    return json.dumps(
        {
            "JobId": name,
            "Status": "FAILED" if code else "SUCCEEDED",
            "StatusReason": "Essential container in task exited",
            "Attempts": tries,
            "Container": {"ExitCode": code, "LogStreamName": f"def/default/{name}-{attempts}", **container},
            "StartedAt": 10_000 * attempts,
            "StoppedAt": 10_000 * attempts + 5_000,
        }
    )


class Told:
    """Writes a history."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def add(self, kind: str, before: int = 0, **details: Any) -> int:
        key = kind[0].lower() + kind[1:] + "EventDetails"
        if kind.endswith("StateEntered"):
            key = "stateEnteredEventDetails"
        number = len(self.events) + 1
        event = {"id": number, "previousEventId": before, "type": kind}
        self.events.append({**event, key: details} if details else event)
        return number

    def submit(self, state: str, name: str, before: int = 0) -> int:
        entered = self.add("TaskStateEntered", before, name=state)
        return self.submit_again(name, entered)

    def submit_again(self, name: str, before: int) -> int:
        scheduled = self.add("TaskScheduled", before, resource="submitJob.sync")
        started = self.add("TaskStarted", scheduled, resource="submitJob.sync")
        return self.add("TaskSubmitted", started, output=json.dumps({"JobId": name}))

    def succeed(self, submitted: int, name: str, attempts: int = 1) -> int:
        done = self.add("TaskSucceeded", submitted, output=job(name, 0, attempts))
        return self.add("TaskStateExited", done, name="x")

    def fail(self, submitted: int, cause: str, error: str = "States.TaskFailed") -> int:
        return self.add("TaskFailed", submitted, error=error, cause=cause)


def test_how_far_each_step_is() -> None:
    told = Told()
    before = told.succeed(told.submit("start", "s", told.add("ExecutionStarted")), "s", attempts=2)
    begun = told.add("MapStateStarted", told.add("MapStateEntered", before, name="each"), length=3)
    one, other = (told.submit("work", name, told.add("MapIterationStarted", begun, name="each")) for name in "ab")
    told.succeed(one, "a")
    assert other
    assert history.open_jobs(told.events) == ["b"]
    running = {"status": "RUNNING", "startedAt": 7_000, "attempts": [{"startedAt": 3_000}]}
    start, work, end = history.steps(DEFINITION, told.events, {"b": running}, {})
    assert (start.name, start.state, start.attempts, start.started, start.stopped) == ("start", "succeeded", 2, 10, 25)
    assert (work.total, work.done, work.state, work.started) == (3, 1, "retrying", 3)
    assert (end.state, end.tasks) == ("waiting", ())


def test_a_step_of_a_distributed_map_is_as_far_as_the_items() -> None:
    told = Told()
    begun = told.add("MapStateStarted", told.add("MapStateEntered", 0, name="each"), length=5)
    told.add("MapRunStarted", begun, mapRunArn="arn:map")
    assert history.map_runs(told.events) == {"arn:map": "each"}
    items = {"each": {"pending": 1, "running": 1, "succeeded": 2, "failed": 0, "aborted": 1, "total": 5}}
    work = history.steps(DEFINITION, told.events, {}, items)[1]
    assert (work.total, work.done, work.state) == (5, 2, "failed")


def test_the_task_that_ended_the_run_is_the_failure_and_not_one_that_was_caught() -> None:
    told = Told()
    told.fail(told.submit("start", "caught"), job("caught", 1))
    cause = job("b", 137, 2, Reason="OutOfMemoryError: Container killed due to memory usage")
    told.fail(told.submit("work", "b"), cause)
    told.fail(told.submit("work", "c"), job("c", 1))
    assert history.failure(told.events, "FAILED", "States.TaskFailed", cause) == Failure(
        step="work",
        reason="OutOfMemoryError: Container killed due to memory usage",
        task="b",
        exit_code=137,
        log_stream="def/default/b-2",
    )
    assert history.failure(told.events, "SUCCEEDED", None, None) is None
    assert history.failure(told.events, "RUNNING", None, None) is None


def test_a_state_that_is_tried_again_has_its_last_job() -> None:
    told = Told()
    failed = told.fail(told.submit("start", "first"), "Too Many Requests", "Batch.AWSBatchException")
    told.succeed(told.submit_again("second", failed), "second")
    assert [task.id for task in history.steps(DEFINITION, told.events, {}, {})[0].tasks] == ["second"]


def test_the_log_group_is_that_of_the_job() -> None:
    told = Told()
    options = {"LogDriver": "awslogs", "Options": {"awslogs-group": "/own/group"}}
    cause = job("s", 1, LogConfiguration=options)
    told.fail(told.submit("start", "s"), cause)
    found = history.failure(told.events, "FAILED", "States.TaskFailed", cause)
    assert found is not None
    assert found.log_group == "/own/group"


@pytest.mark.parametrize(
    ("status", "error", "cause", "reason"),
    [
        ("ABORTED", None, None, "it was stopped"),
        ("ABORTED", "Stopped", "by hand", "Stopped: by hand"),
        ("TIMED_OUT", None, None, "the time limit of the flow is over"),
    ],
)
def test_a_run_that_was_ended_names_the_step_that_ran(
    status: str, error: str | None, cause: str | None, reason: str
) -> None:
    told = Told()
    told.submit("work", "w", told.succeed(told.submit("start", "s"), "s"))
    assert history.failure(told.events, status, error, cause) == Failure("work", reason, "w")


def test_a_run_that_fails_outside_of_tasks_has_the_words_of_step_functions() -> None:
    told = Told()
    told.add("PassStateEntered", 0, name="items")
    found = history.failure(told.events, "FAILED", "States.Runtime", "The JSONPath '$.x' could not be found")
    assert found == Failure("items", "States.Runtime: The JSONPath '$.x' could not be found")
    assert history.failure([], "FAILED", None, None) == Failure(None, "Step Functions gives no reason")


def test_a_task_that_cannot_be_submitted() -> None:
    told = Told()
    scheduled = told.add("TaskScheduled", told.add("TaskStateEntered", 0, name="start"), resource="submitJob.sync")
    told.add("TaskSubmitFailed", scheduled, error="Batch.ClientException", cause="no such queue")
    found = history.failure(told.events, "FAILED", "Batch.ClientException", "no such queue")
    assert found == Failure("start", "Batch.ClientException: no such queue")


def test_only_what_is_new_of_a_history_is_read() -> None:
    told = Told()
    for name in "abcd":
        told.add("PassStateEntered", 0, name=name)
    read = []

    def newest_first() -> Any:
        for event in reversed(told.events):
            read.append(event["id"])
            yield event

    assert history.merged(told.events[:2], newest_first()) == told.events
    assert read == [4, 3, 2]
    assert history.merged([], newest_first()) == told.events


TRIGGER = "STAGE='a b' python flows/f.py --branch x step-functions trigger"


def test_commands_that_read_logs_and_resume() -> None:
    failure = Failure("work", "why", "w", 1, log_stream="def/default/w-1")
    account, local = Where("eu-west-1", "prod", embedded=False), Where("us-east-1", None, embedded=True)
    assert logs(TRIGGER, "sfn-x", failure, account) == (
        "aws logs get-log-events --log-group-name /aws/batch/job --log-stream-name def/default/w-1 --start-from-head "
        "--region eu-west-1 --profile prod --query 'events[].message' --output text"
    )
    assert logs(TRIGGER, "sfn-x", failure, local) == "flowinfra local logs sfn-x/work"
    assert logs(TRIGGER, "sfn-x", Failure("work", "why"), account) is None
    assert resume(TRIGGER, "sfn-x", account) == (
        "STAGE='a b' python flows/f.py --branch x resume --origin-run-id sfn-x"
    )
    assert resume(TRIGGER, "sfn-x", local).startswith("flowinfra local exec -- env STAGE='a b' python ")
