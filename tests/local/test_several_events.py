"""A flow that waits for several events: its small state machine, run by the embedded AWS."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto.dynamodb.models import DynamoDBBackend

from flowinfra.components.site import Site
from flowinfra.local import platform, run
from flowinfra.local.mends import table_items
from flowinfra.model.compiled import Decorator, Flow, Trigger
from flowinfra.targets.step_functions import together, triggers
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from tests.local.support import Aws, machine, unique
from tests.unit.golden import compiled

HARD = 'it\'s "$HOME" \\ {{x}} {} Grüße 🙂\n'
A, B = (Trigger(name=name, type="event", parameters={"day": "day"}) for name in ("data.ready", "it's {} 'b'"))
FIRST = Trigger(name="metaflow.risk.prod.FirstFlow.end", type="run")


class Waiting:
    """A flow that waits for several events, and its small state machine."""

    def __init__(self, aws: Aws, *waits: Trigger) -> None:
        base = compiled("linear")
        assert isinstance(base, StepFunctionsCompiled)
        reset = Decorator(name="trigger", attributes={"options": {"reset_at": {"cron": "0 8 * * *"}}})
        self.flow: Flow = base.flow.model_copy(update={"triggers": waits, "decorators": (reset,)})
        self.aws, self.name = aws, unique("flow")
        self.arn = aws.deploy(machine(only={"Type": "Pass", "End": True}), self.name)
        partition, _, region, account = self.arn.split(":")[1:5]
        site = Site(partition, region, account, "bucket", "metaflow", queue="queue", table=platform.NAME)
        definition = json.loads(together.definition(self.name, self.flow, site))
        self.machine = aws.deploy(definition, together.machine_name(self.name))

    def given(self, trigger: Trigger, event: dict[str, Any]) -> dict[str, Any]:
        """What a rule gives the small state machine."""
        paths, template = triggers.transformer(trigger, alone=False)
        for name, path in paths.items():
            found: Any = event
            for step in path.split(".")[1:]:
                found = found[step]
            template = template.replace(f"<{name}>", json.dumps(found))
        return dict(json.loads(template.replace("<aws.events.event.json>", json.dumps(event))))

    def come(self, trigger: Trigger, number: str, **detail: Any) -> Any:
        return self.aws.ended(self.aws.begin(self.machine, self.given(trigger, {"id": number, "detail": detail})))

    def forget(self) -> Any:
        return self.aws.ended(self.aws.begin(self.machine, json.loads(together.FORGET)))

    @property
    def runs(self) -> list[Any]:
        """Inputs of the flow's runs, the first one first."""
        listed = self.aws.states.list_executions(stateMachineArn=self.arn)["executions"]
        described = [self.aws.states.describe_execution(executionArn=each["executionArn"]) for each in listed]
        return [json.loads(each["input"]) for each in sorted(described, key=lambda each: each["startDate"])]

    @property
    def numbers(self) -> list[list[str]]:
        """Ids of the events of each run."""
        return [[each["event"]["id"] for each in found["Triggers"]] for found in self.runs]


def test_a_flow_starts_once_all_have_come_with_all_of_them(aws: Aws) -> None:
    waiting = Waiting(aws, A, B)
    assert waiting.come(A, "a1", day=HARD)["status"] == "SUCCEEDED"
    assert waiting.runs == []
    ended = waiting.come(B, "b1", size=1.5, none=None)
    assert ended["status"] == "SUCCEEDED"
    [found] = waiting.runs
    assert found["Parameters"] == "{}"
    assert [each["name"] for each in found["Triggers"]] == [A.name, B.name]
    assert [each["event"]["detail"] for each in found["Triggers"]] == [{"day": HARD}, {"size": 1.5, "none": None}]
    [run] = aws.states.list_executions(stateMachineArn=waiting.arn)["executions"]
    assert run["name"] == ended["name"]


def test_the_next_run_needs_all_of_them_again(aws: Aws) -> None:
    waiting = Waiting(aws, A, B)
    for trigger, number in ((A, "a1"), (B, "b1"), (B, "b2"), (B, "b3"), (A, "a2"), (A, "a3")):
        waiting.come(trigger, number)
    # of one that came twice the latest counts
    assert waiting.numbers == [["a1", "b1"], ["a2", "b3"]]


def test_an_event_that_is_delivered_twice_is_one(aws: Aws) -> None:
    waiting = Waiting(aws, A, B)
    for trigger, number in ((A, "a1"), (A, "a1"), (B, "b1"), (A, "a1"), (B, "b1"), (B, "b2")):
        assert waiting.come(trigger, number)["status"] == "SUCCEEDED"
    assert waiting.numbers == [["a1", "b1"]]


def test_a_reset_forgets_what_came(aws: Aws) -> None:
    waiting = Waiting(aws, A, B)
    assert waiting.forget()["status"] == "SUCCEEDED"
    waiting.come(A, "a1")
    assert waiting.forget()["status"] == "SUCCEEDED"
    waiting.come(B, "b1")
    assert waiting.numbers == []
    waiting.come(A, "a2")
    assert waiting.numbers == [["a2", "b1"]]


def test_events_at_the_same_instant_start_one_run(aws: Aws) -> None:
    waiting = Waiting(aws, *(Trigger(name=f"e{number}", type="event") for number in range(6)))
    with ThreadPoolExecutor(6) as pool:
        for turn in range(4):
            found = pool.map(lambda each, turn=turn: waiting.come(each, f"{each.name}-{turn}"), waiting.flow.triggers)
            assert {each["status"] for each in found} == {"SUCCEEDED"}
    assert waiting.numbers == [[f"e{number}-{turn}" for number in range(6)] for turn in range(4)]


def test_the_end_of_a_flow_is_one_of_them(aws: Aws) -> None:
    waiting = Waiting(aws, FIRST, Trigger(name="metaflow.SecondFlow.end", type="run"))
    for trigger, number in zip(waiting.flow.triggers, ("1", "2"), strict=True):
        event = {"id": number, "time": "2026-11-29T08:00:00Z", "detail": {"name": f"run-{number}", "input": "{}"}}
        aws.ended(aws.begin(waiting.machine, waiting.given(trigger, event)))
    [found] = waiting.runs
    assert [(each["flow"], each["run"]) for each in found["Triggers"]] == [
        ("FirstFlow", "run-1"),
        ("SecondFlow", "run-2"),
    ]


def test_an_event_that_fits_into_no_row_fails_loudly(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_AGAIN", {"IntervalSeconds": 1, "MaxAttempts": 1})
    waiting = Waiting(aws, A, B)
    waiting.come(A, "a1", text="x" * 250_000)
    ended = waiting.come(B, "b1", text="y" * 250_000)
    assert ended["status"] == "FAILED"
    assert "Item size to update has exceeded the maximum allowed size" in ended["cause"]


def test_a_flow_that_is_gone_is_told(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_AGAIN", {"IntervalSeconds": 1, "MaxAttempts": 1})
    waiting = Waiting(aws, A, B)
    aws.states.delete_state_machine(stateMachineArn=waiting.arn)
    waiting.come(A, "a1")
    ended = waiting.come(B, "b1")
    assert ended["status"] == "FAILED"
    assert "StateMachineDoesNotExist" in ended["error"]


def test_a_condition_holds_until_the_item_is_written(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0
    put = DynamoDBBackend.put_item

    def slow(*arguments: Any, **named: Any) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.3)
        inside -= 1
        return put(*arguments, **named)

    monkeypatch.setattr(DynamoDBBackend, "put_item", slow)
    table: Any = run.client(aws.instance, "dynamodb")

    def write(number: int) -> None:
        table.put_item(TableName=platform.NAME, Item={"pathspec": {"S": unique(f"row-{number}")}})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
        assert most == 1
        with table_items.MEND.withdrawn():
            list(pool.map(write, range(4)))
    assert most > 1
