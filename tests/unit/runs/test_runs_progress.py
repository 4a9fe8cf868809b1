from __future__ import annotations

import json

import pytest

from flowinfra.operate.runs.progress import Progress, Step, Task, map_sizes, steps_of

JOB = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync"}


def test_steps_are_found_in_the_order_in_which_they_run() -> None:
    definition = {
        "StartAt": "start",
        "States": {
            "end": {**JOB, "End": True},
            "start": {**JOB, "Next": "each"},
            "each": {
                "Type": "Map",
                "Iterator": {
                    "StartAt": "work",
                    "States": {
                        "work": {**JOB, "Next": "inner"},
                        "inner": {
                            "Type": "Map",
                            "ItemProcessor": {"StartAt": "deep", "States": {"deep": {**JOB, "End": True}}},
                            "End": True,
                        },
                    },
                },
                "Next": "lookup",
            },
            "lookup": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem", "Next": "both"},
            "both": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "left", "States": {"left": {**JOB, "End": True}}},
                    {"StartAt": "right", "States": {"right": {**JOB, "End": True}}},
                ],
                "Next": "end",
            },
        },
    }
    assert steps_of(definition) == {
        "start": (),
        "work": ("each",),
        "deep": ("each", "inner"),
        "left": (),
        "right": (),
        "end": (),
    }


def test_order_of_steps_is_kept() -> None:
    definition = {"StartAt": "b", "States": {"a": {**JOB, "End": True}, "b": {**JOB, "Next": "a"}}}
    assert list(steps_of(definition)) == ["b", "a"]


def test_map_sizes_add_up_over_all_entries() -> None:
    events = [
        {"id": 1, "type": "MapStateEntered", "previousEventId": 0, "stateEnteredEventDetails": {"name": "each"}},
        {"id": 2, "type": "MapStateStarted", "previousEventId": 1, "mapStateStartedEventDetails": {"length": 3}},
        {"id": 3, "type": "TaskStateEntered", "previousEventId": 2},
        {"id": 4, "type": "MapStateEntered", "previousEventId": 3, "stateEnteredEventDetails": {"name": "each"}},
        {"id": 5, "type": "MapStateStarted", "previousEventId": 4, "mapStateStartedEventDetails": {"length": 2}},
    ]
    assert map_sizes(events) == {"each": 5}


def task(status: str, attempts: int = 1) -> Task:
    return Task("id", status, attempts)


@pytest.mark.parametrize(
    ("total", "tasks", "state"),
    [
        (1, (), "waiting"),
        (1, (task("RUNNABLE", 0),), "queued"),
        (1, (task("RUNNING"),), "running"),
        (1, (task("RUNNING", 2),), "retrying"),
        (1, (task("SUCCEEDED", 2),), "succeeded"),
        (2, (task("SUCCEEDED"),), "running"),
        (2, (task("SUCCEEDED"), task("RUNNABLE", 0)), "queued"),
        (2, (task("SUCCEEDED"), task("FAILED")), "failed"),
        (2, (task("SUCCEEDED"), task("SUCCEEDED")), "succeeded"),
    ],
)
def test_state_of_a_step(total: int, tasks: tuple[Task, ...], state: str) -> None:
    assert Step("name", total, tasks).state == state


def test_times_of_a_step() -> None:
    done = (
        Task("a", "SUCCEEDED", 1, started=10.0, stopped=12.0),
        Task("b", "SUCCEEDED", 1, started=11.0, stopped=15.0),
    )
    assert (Step("name", 2, done).started, Step("name", 2, done).stopped) == (10.0, 15.0)
    assert Step("name", 3, done).stopped is None
    assert Step("name", 1).started is None


def test_progress_survives_json() -> None:
    progress = Progress(
        ref="arn:aws:states:us-east-1:123456789012:execution:Flow:abc",
        name="Flow",
        status="FAILED",
        error="States.TaskFailed",
        steps=(Step("start", 1, (Task("a", "FAILED", 2, "reason", 1, 1.0, 2.0),)), Step("end", 1)),
    )
    assert Progress.from_dict(json.loads(json.dumps(progress.to_dict()))) == progress
    assert (progress.run_id, progress.ended) == ("sfn-abc", True)
