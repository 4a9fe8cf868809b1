"""An execution's history, as Step Functions keeps it whatever is logged: how far it is, what failed and why. Pure.

A task of Metaflow is a Batch job that a state submits. The events of one task go back, by `previousEventId`, to the
one that entered its state; what Batch says of an ended job stands in the event of its end
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowinfra.operate.runs.progress import Step, Task, map_sizes, steps_of

LOG_GROUP = "/aws/batch/job"
"""Log group of jobs whose job definition names none."""
_ENDS = {"TaskSucceeded": "SUCCEEDED", "TaskFailed": "FAILED", "TaskTimedOut": "FAILED", "TaskSubmitFailed": "FAILED"}
_NOT_STARTED = ("TaskStartFailed",)
_NO_REASON = "Step Functions gives no reason"
_REASONS = {"TIMED_OUT": "the time limit of the flow is over", "ABORTED": "it was stopped"}
"""Status of an execution → why, where nothing is said."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """Why a run did not succeed."""

    step: str | None
    """The step that failed, or that ran when the execution was ended; None where no step had begun."""
    reason: str
    task: str | None = None
    """Id of the Batch job, which is Metaflow's task id; on Argo the name of the pod."""
    exit_code: int | None = None
    log_group: str = LOG_GROUP
    log_stream: str | None = None
    """Of CloudWatch; on Argo the pod, if it is still there and the task runs in it."""


@dataclass
class _Seen:
    """A task: a state was entered, and what happened since."""

    state: str
    job: str | None = None
    status: str = "SUBMITTED"
    told: Mapping[str, Any] = field(default_factory=dict)
    """What Batch says of the job, in the spelling of state machines."""
    error: str | None = None
    cause: str | None = None


def steps(
    definition: Mapping[str, Any],
    events: Sequence[Event],
    jobs: Mapping[str, Any],
    items: Mapping[str, Mapping[str, int]],
) -> tuple[Step, ...]:
    """Steps of a definition with their tasks so far.

    Args:
        definition: that the execution began with.
        events: its history, in order.
        jobs: job id → what DescribeJobs says of those that have not ended by the history.
        items: distributed map → how many of its items are how far (DescribeMapRun): the tasks of its steps are in
            histories of their own, so that each of these steps is as far as the items.
    """
    tasks: dict[str, list[Task]] = {}
    for seen in _tasks(events):
        if seen.job is not None:
            tasks.setdefault(seen.state, []).append(_task(seen, jobs.get(seen.job)))
    sizes = map_sizes(events)
    found = []
    for name, maps in steps_of(definition).items():
        known = tasks.get(name) or next((_of_items(items[each]) for each in maps if each in items), [])
        expected = sizes.get(maps[-1], 0) if maps else 0
        found.append(Step(name, max(1, expected, len(known)), tuple(known)))
    return tuple(found)


def open_jobs(events: Sequence[Event]) -> list[str]:
    """Jobs that were submitted and have not ended by the history."""
    return [seen.job for seen in _tasks(events) if seen.job is not None and seen.status == "SUBMITTED"]


def map_runs(events: Sequence[Event]) -> dict[str, str]:
    """ARN of each distributed map that has begun → its state."""
    by_id = {event["id"]: event for event in events}
    found = {}
    for event in events:
        if event["type"] == "MapRunStarted":
            before: Event | None = event
            while before is not None and before["type"] != "MapStateEntered":
                before = by_id.get(before["previousEventId"])
            if before is not None:
                found[event["mapRunStartedEventDetails"]["mapRunArn"]] = before["stateEnteredEventDetails"]["name"]
    return found


def _of_items(counts: Mapping[str, int]) -> list[Task]:
    """Tasks that stand for the items of a distributed map."""
    found = []
    for status, names in _ITEMS.items():
        found += [Task("", status, int(status != "RUNNABLE"))] * sum(counts.get(name, 0) for name in names)
    return found


_ITEMS = {
    "SUCCEEDED": ("succeeded",),
    "FAILED": ("failed", "timedOut", "aborted"),
    "RUNNING": ("running",),
    "RUNNABLE": ("pending",),
}
"""Batch's word for a task → DescribeMapRun's for an item."""


def failure(events: Sequence[Event], status: str, error: str | None, cause: str | None) -> Failure | None:
    """Why an execution did not succeed; None for one that runs or did.

    Args:
        events: its history, in order.
        status: the execution's.
        error: what DescribeExecution says of it.
        cause: in its words.
    """
    if status in ("RUNNING", "SUCCEEDED", "PENDING_REDRIVE"):
        return None
    seen = _tasks(events)
    # the execution ends with the words of the task that failed it; others may have failed and been caught
    failed = [each for each in seen if each.status == "FAILED"]
    same = [each for each in failed if each.cause is not None and each.cause == cause]
    if status == "FAILED" and failed:
        return _of_task((same or failed)[-1])
    running = [each for each in seen if each.status == "SUBMITTED"]
    reason = _words(error, cause) or {
        "TIMED_OUT": "the time limit of the flow is over",
        "ABORTED": "it was stopped",
    }.get(status, "Step Functions gives no reason")
    if not running:
        return Failure(seen[-1].state if seen and status != "FAILED" else _last_entered(events), reason)
    return Failure(running[-1].state, reason, running[-1].job)


def _tasks(events: Sequence[Event]) -> list[_Seen]:
    """Every entry of a state that runs tasks, in order."""
    origin: dict[int, int] = {}
    found: dict[int, _Seen] = {}
    for event in events:
        number, kind = event["id"], event["type"]
        if kind == "TaskStateEntered":
            found[number] = _Seen(event["stateEnteredEventDetails"]["name"])
            origin[number] = number
        elif event["previousEventId"] in origin and kind.startswith("Task") and kind != "TaskStateExited":
            origin[number] = origin[event["previousEventId"]]
            _note(found[origin[number]], event)
    return list(found.values())


def _note(seen: _Seen, event: Event) -> None:
    """Add what an event says of a task; a state that is tried again submits another job."""
    kind = event["type"]
    details: Mapping[str, Any] = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
    if kind == "TaskScheduled":
        seen.job, seen.status, seen.told, seen.error, seen.cause = None, "SUBMITTED", {}, None, None
    elif kind == "TaskSubmitted":
        seen.job = _json(details.get("output")).get("JobId")
    elif kind in _ENDS or kind in _NOT_STARTED:
        seen.status = _ENDS.get(kind, "FAILED")
        seen.error, seen.cause = details.get("error"), details.get("cause")
        seen.told = _json(details.get("output") or details.get("cause"))
        seen.job = seen.told.get("JobId", seen.job)


def _task(seen: _Seen, described: Mapping[str, Any] | None) -> Task:
    """A task, by the event of its end, or by what DescribeJobs says of its job."""
    assert seen.job is not None
    if seen.status == "SUBMITTED" and described is not None:
        return _described(seen.job, described)
    told, attempts = seen.told, seen.told.get("Attempts", ())
    container = told.get("Container", {})
    return Task(
        id=seen.job,
        status=seen.status,
        attempts=len(attempts) or int(seen.status != "SUBMITTED"),
        reason=container.get("Reason") or told.get("StatusReason") or seen.error,
        exit_code=container.get("ExitCode", _last(attempts, "Container").get("ExitCode")),
        started=_seconds(attempts[0].get("StartedAt") if attempts else told.get("StartedAt")),
        stopped=_seconds(told.get("StoppedAt")),
    )


def _described(job: str, described: Mapping[str, Any]) -> Task:
    attempts, container = described.get("attempts", ()), described.get("container", {})
    status = described["status"]
    first = attempts[0].get("startedAt") if attempts else described.get("startedAt")
    return Task(
        id=job,
        status=status,
        attempts=len(attempts) + (status == "RUNNING"),
        reason=container.get("reason") or described.get("statusReason"),
        exit_code=container.get("exitCode"),
        started=_seconds(first),
        stopped=_seconds(described.get("stoppedAt")) if status in ("SUCCEEDED", "FAILED") else None,
    )


def _of_task(seen: _Seen) -> Failure:
    told, attempts = seen.told, seen.told.get("Attempts", ())
    container = told.get("Container", {})
    last = _last(attempts, "Container")
    reason = container.get("Reason") or last.get("Reason") or told.get("StatusReason") or _words(seen.error, seen.cause)
    options = container.get("LogConfiguration", {}).get("Options", {})
    return Failure(
        step=seen.state,
        reason=str(reason or _NO_REASON),
        task=seen.job,
        exit_code=container.get("ExitCode", last.get("ExitCode")),
        log_group=options.get("awslogs-group", LOG_GROUP),
        log_stream=last.get("LogStreamName") or container.get("LogStreamName"),
    )


def _words(error: str | None, cause: str | None) -> str:
    """Error and cause in one line; a cause that is JSON is a job's description, which is told otherwise."""
    parts = [error, None if cause is None or _json(cause) else cause]
    return ": ".join(part for part in parts if part)


def _last_entered(events: Iterable[Event]) -> str | None:
    names = [each["stateEnteredEventDetails"]["name"] for each in events if "stateEnteredEventDetails" in each]
    return names[-1] if names else None


def _last(attempts: Sequence[Mapping[str, Any]], key: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = attempts[-1].get(key, {}) if attempts else {}
    return found


def _json(text: Any) -> Mapping[str, Any]:
    """An object in a text; empty for anything else."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(milliseconds: Any) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, (int, float)) else None


def merged(known: Sequence[Event], newest_first: Iterable[Event]) -> list[Event]:
    """A history with what is new in it: `newest_first` is read as far as what is known."""

    def new() -> Iterator[Event]:
        last = known[-1]["id"] if known else 0
        for event in newest_first:
            if event["id"] <= last:
                return
            yield event

    return [*known, *reversed(list(new()))]
