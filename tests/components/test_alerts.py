"""Alerts of a flow on Step Functions: one rule and its target, and what is wrong with a topic."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from flowinfra import Platform, StepFunctionsFlow
from flowinfra.local.events import template
from flowinfra.model.events.patterns import compiled as pattern
from tests.components.mocked import ACCOUNT, Program, run
from tests.unit.components.compiled import compiled

TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:flows"


def deploy(alerts: Any = None, of_platform: Any = None, **args: Any) -> Program:
    def make() -> None:
        platform = Platform.existing(
            bucket="bkt", queue="jobs", table="tbl", region="us-east-1", account=ACCOUNT, alerts=of_platform
        )
        given: Any = {"flow": compiled("linear"), "platform": platform, **args}
        if alerts is not None:
            given["alerts"] = alerts
        flow = StepFunctionsFlow("flow", given)
        pulumi.export("statement", flow.topic_statement)

    return run(make)


def rules(program: Program) -> list[Any]:
    return [item for item in program.resources if item.type.endswith((":EventRule", ":EventTarget"))]


def test_a_rule_for_the_flows_own_ends() -> None:
    program = deploy({"topic": TOPIC})
    rule, target = program.one("EventRule"), program.one("EventTarget")
    machine = program.one("StateMachine")["name"]
    arn = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{machine}"

    def event(status: str, of: str = arn) -> dict[str, Any]:
        detail = {"stateMachineArn": of, "status": status, "name": "1", "executionArn": f"{arn}:1"}
        kind = "Step Functions Execution Status Change"
        return {"source": "aws.states", "detail-type": kind, "time": "2026-01-01T00:00:00Z", "detail": detail}

    takes = pattern(rule["eventPattern"]).matches
    assert {end for end in ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED") if takes(event(end))} == {
        *("FAILED", "TIMED_OUT", "ABORTED")
    }
    assert not takes(event("FAILED", arn + "2"))
    assert (target["arn"], "roleArn" in target) == (TOPIC, False)
    transformer = {
        "InputPathsMap": target["inputTransformer"]["inputPaths"],
        "InputTemplate": target["inputTransformer"]["inputTemplate"],
    }
    about = {"Id": "topic", "InputTransformer": transformer}
    assert template.problem(about) is None
    message = template.delivered(about, event("FAILED"), {"name": "", "arn": "", "ingestion-time": ""})
    assert [json.loads(line) for line in message.splitlines()] == [
        f"Flow {compiled('linear').flow.name}: run sfn-1 has ended: FAILED.",
        f"State machine {machine}, at 2026-01-01T00:00:00Z.",
        "What happened: https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/"
        f"{arn}:1",
        "How to look further: flowinfra runs LinearFlow -s dev",
    ]


@pytest.mark.parametrize("ends", [["FAILED", "SUCCEEDED"], ["SUCCEEDED"]])
def test_what_waits_for_several_events_is_told_where_it_fails(ends: list[str]) -> None:
    program = deploy({"topic": TOPIC, "on": ends}, flow=compiled("triggers"))
    named = {name: rule for name, rule in program.of("EventRule").items() if name.endswith("events-alerts")}
    if ends == ["SUCCEEDED"]:
        assert named == {}
        return
    [rule] = named.values()
    detail = json.loads(rule["eventPattern"])["detail"]
    assert detail["status"] == ["FAILED"]
    assert detail["stateMachineArn"] == [f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:TriggersFlow-events"]
    target = program.of("EventTarget")["flow-events-alerts-target"]
    message = target["inputTransformer"]["inputTemplate"]
    assert target["arn"] == TOPIC
    assert "Flow TriggersFlow may not start: what waits for its events has ended: <status>." in message


def test_a_flows_own_keys_win_over_the_platforms() -> None:
    program = deploy({"on": ["SUCCEEDED"]}, {"topic": TOPIC})
    assert json.loads(program.one("EventRule")["eventPattern"])["detail"]["status"] == ["SUCCEEDED"]
    assert program.one("EventTarget")["arn"] == TOPIC
    assert program.one("StepFunctionsFlow")["alerts"] == {"topic": TOPIC, "on": ["SUCCEEDED"]}
    assert rules(deploy({"on": []}, {"topic": TOPIC})) == []
    assert rules(deploy()) == []


def test_a_topic_of_the_same_program() -> None:
    def make() -> None:
        topic = aws.sns.Topic("topic", name="made")
        platform = Platform.existing(bucket="bkt", queue="jobs", table="tbl", region="us-east-1", account=ACCOUNT)
        StepFunctionsFlow("flow", {"flow": compiled("linear"), "platform": platform, "alerts": {"topic": topic.arn}})

    assert run(make).one("EventTarget")["arn"]


@pytest.mark.parametrize(
    ("alerts", "words"),
    [
        (
            {"topic": "flows"},
            "alerts.topic is 'flows', allowed: the ARN of an SNS topic, such as arn:aws:sns",
        ),
        ({"topic": f"arn:aws:sqs:us-east-1:{ACCOUNT}:flows"}, "allowed: the ARN of an SNS topic"),
        ({"topic": f"arn:aws:sns:eu-west-1:{ACCOUNT}:flows"}, "of region eu-west-1, and the flow runs in us-east-1"),
        ({"topic": "arn:aws:sns:us-east-1:999999999999:flows"}, "of account 999999999999, and the flow runs in"),
        ({"topic": f"arn:aws-cn:sns:us-east-1:{ACCOUNT}:flows"}, "of partition aws-cn, and the flow runs in aws"),
        ({"topic": f"{TOPIC}.fifo"}, "a FIFO topic, which EventBridge does not send to"),
        ({"on": ["FAILED"]}, "alerts has no topic; give alerts.topic of the platform or of the flow"),
        ({"topic": TOPIC, "on": ["BROKEN"]}, "'BROKEN'"),
    ],
)
def test_what_is_wrong_with_alerts(alerts: Any, words: str) -> None:
    with pytest.raises(pulumi.RunError) as raised:
        deploy(alerts)
    assert words in str(raised.value)
    if "on" in alerts and "topic" not in alerts:
        return
    with pytest.raises(pulumi.RunError) as raised:
        deploy(None, alerts)
    assert words in str(raised.value)
