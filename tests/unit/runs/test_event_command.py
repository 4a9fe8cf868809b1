"""`flowinfra event`: what is sent, which flows it starts, and what is said where it starts none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowinfra.cli import main
from flowinfra.operate.runs import reach, sending
from flowinfra.operate.runs.stack import DeployedFlow


def deployed(name: str, target: str = "step-functions", **inputs: Any) -> DeployedFlow:
    arn = f"arn:aws:states:eu-west-1:1:stateMachine:{name}"
    return DeployedFlow(name, name, name, target, inputs, {"arn": arn} if target == "step-functions" else {})


class Events:
    """EventBridge: keeps what it is sent."""

    def __init__(self) -> None:
        self.entries: list[Mapping[str, str]] = []
        self.answer: dict[str, str] = {"EventId": "e-1"}

    def put_events(self, **given: list[Mapping[str, str]]) -> Any:
        self.entries += given["Entries"]
        return {"Entries": [self.answer]}


class Session:
    def __init__(self, events: Events) -> None:
        self.events = events

    def client(self, service: str) -> Events:
        assert service == "events"
        return self.events


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    events = Events()

    class Access:
        def session(self, region: str) -> Any:
            assert region == "eu-west-1"
            return Session(events)

    monkeypatch.setattr(sending, "project_folder", lambda start: start)
    monkeypatch.setattr(sending, "export_state", lambda folder, stack: b"")
    monkeypatch.setattr(reach, "access_of", lambda stack, folder: Access())
    monkeypatch.setattr(reach, "refuse_other_account", lambda *given: None)
    return events


def event(monkeypatch: pytest.MonkeyPatch, flows: list[DeployedFlow], *words: str) -> Result:
    monkeypatch.setattr(sending, "flows_of", lambda content, stack: flows)
    return CliRunner().invoke(main, ["event", "data.ready", "-s", "prod", *words])


HEARS = deployed("ReportFlow", triggers={"data.ready": {"day": "day"}})


def test_an_event_starts_who_waits_for_it(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    done = event(monkeypatch, [HEARS, deployed("OtherFlow")], "--payload", '{"day": "ä"}')
    assert (done.exit_code, done.output) == (0, "data.ready is sent: it starts ReportFlow\n")
    [entry] = events.entries
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == ("flowinfra", "data.ready", "default")
    assert json.loads(entry["Detail"]) == {"day": "ä"}


def test_for_programs(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    done = event(monkeypatch, [HEARS], "--json")
    told = {"name": "data.ready", "ids": ["e-1"], "starts": ["ReportFlow"], "joins": {}, "passed": {}}
    assert json.loads(done.output) == told


def test_an_event_that_is_one_of_several(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    three = {"data.ready": {"day": "day"}, "model.ready": True, "key.ready": True}
    both = deployed("BothFlow", triggers={"data.ready": True, "model.ready": True})
    off = deployed("OffFlow", triggers=three, triggers_off=True)
    told = "BothFlow starts once model.ready has come, too\n"
    assert event(monkeypatch, [HEARS, both]).output == f"data.ready is sent: it starts ReportFlow\n{told}"
    assert event(monkeypatch, [both, off]).output.startswith(f"data.ready is sent\n{told}OffFlow is not started: ")
    done = event(monkeypatch, [deployed("AllFlow", triggers=three)], "--json")
    assert json.loads(done.output)["joins"] == {"AllFlow": ["model.ready", "key.ready"]}


def test_a_bus_of_the_stacks_own(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    event(monkeypatch, [deployed("ReportFlow", triggers={"data.ready": True}, event_bus="ours")])
    assert [entry["EventBusName"] for entry in events.entries] == ["ours"]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"triggers_off": True}, "ReportFlow is not started: its triggers are turned off"),
        (
            {"event_patterns": {"data.ready": {"source": ["aws.s3"]}}},
            'ReportFlow is not started: the stack says that data.ready stands for other events: {"source":["aws.s3"]}',
        ),
    ],
)
def test_a_flow_that_does_not_hear_it(
    inputs: dict[str, Any], reason: str, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = event(monkeypatch, [deployed("ReportFlow", triggers={"data.ready": True}, **inputs)])
    assert done.exit_code == 0
    assert "data.ready is sent: it starts no flow of the stack prod\n" in done.output
    assert reason in done.output


def test_a_pattern_that_what_is_sent_matches(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = {"data.ready": {"detail-type": ["data.ready"], "detail": {"size": [{"numeric": [">", 3]}]}}}
    flow = deployed("ReportFlow", triggers={"data.ready": True}, event_patterns=pattern)
    assert "it starts ReportFlow" in event(monkeypatch, [flow], "--payload", '{"size": 4}').output
    assert "it starts no flow" in event(monkeypatch, [flow], "--payload", '{"size": 2}').output


def test_what_eventbridge_does_not_take(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    events.answer = {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "no"}
    done = event(monkeypatch, [HEARS])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "EventBridge did not take the event: NotAuthorizedForSourceException: no" in done.stderr


def test_a_stack_without_flows_on_step_functions(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    done = event(monkeypatch, [deployed("ArgoFlow", "argo")])
    assert done.exit_code == 1
    assert "has no flow on Step Functions deployed" in done.stderr


@pytest.mark.parametrize("payload", ["[1]", "{", "3"])
def test_a_payload_that_is_no_object(payload: str) -> None:
    done = CliRunner().invoke(main, ["event", "a", "-s", "prod", "--payload", payload])
    assert done.exit_code == 2
    assert "--payload" in done.stderr
