"""Executions that run are waited for before their state machine goes; the engine's part is in tests/engine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from flowinfra.components.names import DRAIN_TAG
from flowinfra.errors import ConfigError, Problems
from flowinfra.stack.parsing import parse_flow
from flowinfra.targets.step_functions import drain
from tests.components.test_step_functions_flow import deploy

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:Busy"


class Runs:
    """How many executions run, each time that somebody asks; the last number stays."""

    def __init__(self, *numbers: int) -> None:
        self.numbers, self.asked = list(numbers), 0

    def __call__(self, arn: str, config: str) -> int:
        assert (arn, config) == (ARN, "{}")
        self.asked += 1
        return self.numbers.pop(0) if len(self.numbers) > 1 else self.numbers[0]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.info", said.append)
    monkeypatch.setattr("pulumi.log.warn", said.append)
    return said


def wait(monkeypatch: pytest.MonkeyPatch, runs: Any, seconds: float = 60) -> None:
    monkeypatch.setattr(drain, "running", runs)
    # a loop of its own: that of the thread is Pulumi's
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(drain.drained(ARN, seconds, "{}", pause=0.001))
    finally:
        loop.close()


def test_nothing_runs(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    wait(monkeypatch, runs := Runs(0))
    assert (runs.asked, told) == (1, [])


def test_what_runs_ends(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    wait(monkeypatch, runs := Runs(2, 1, 0))
    assert runs.asked == 3
    assert told == ["Busy: waits up to 60 s for 2 running executions to end (`drain`)"]


def test_what_does_not_end_in_time(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    wait(monkeypatch, Runs(1), seconds=0.01)
    assert told[-1] == "Busy: 1 of its executions still run after 0.01 s (`drain`): they end at their next state"


def test_nothing_is_deleted_where_it_is_not_known(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    def refused(*_: str) -> int:
        raise EndpointConnectionError(endpoint_url="https://states")

    with pytest.raises(ConfigError, match="whether executions run is not known, and so it is not deleted"):
        wait(monkeypatch, refused)


def test_the_state_machine_says_for_how_long() -> None:
    [machine] = [item for item in deploy("linear", drain=600).resources if item.type.endswith(":StateMachine")]
    assert machine.inputs["tags"][DRAIN_TAG] == "600"
    [machine] = [item for item in deploy("linear").resources if item.type.endswith(":StateMachine")]
    assert DRAIN_TAG not in machine.inputs["tags"]


@pytest.mark.parametrize("seconds", [0, -1, 86_401, "long"])
def test_seconds_that_are_refused(seconds: object) -> None:
    with pytest.raises(Problems, match=r"train: drain: "):
        parse_flow({"flow": "train.py", "drain": seconds}, "train")
