"""Schedules, fired on the clock that the test gives."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from flowinfra.local import calls, platform, run
from flowinfra.local.schedules import Scheduler
from tests.local.support import Aws, machine, unique


def test_a_rule_starts_its_state_machine_when_it_is_due(aws: Aws) -> None:
    arn = aws.deploy(machine(only={"Type": "Pass", "End": True}))
    events, name = run.client(aws.instance, "events"), unique("rule")
    events.put_rule(Name=name, ScheduleExpression="cron(0 6 * * ? *)", State="ENABLED")
    target = {"Id": "one", "Arn": arn, "RoleArn": platform.role_arn(platform.EVENTS_ROLE), "Input": '{"a": 1}'}
    events.put_targets(Rule=name, Targets=[target])
    scheduler = Scheduler(aws.instance.endpoint)
    now = datetime(2026, 1, 1, 5, 59, tzinfo=timezone.utc)

    def inputs() -> list[object]:
        found = aws.states.list_executions(stateMachineArn=arn)["executions"]
        return [json.loads(aws.ended(each["executionArn"])["input"]) for each in found]

    scheduler.tick(now)
    scheduler.tick(now + timedelta(seconds=30))
    assert inputs() == []
    scheduler.tick(now + timedelta(minutes=1))
    scheduler.tick(now + timedelta(minutes=2))
    assert inputs() == [{"a": 1}]
    started = [call for call in calls.read(aws.state.call_log) if call["resource"].get("stateMachineArn") == arn]
    by_rule = [call for call in started if call["operation"] == "StartExecution"]
    assert [(call["kind"], call["role"]) for call in by_rule] == [("events", platform.EVENTS_ROLE)]
    events.disable_rule(Name=name)
    scheduler.tick(now + timedelta(days=1, minutes=1))
    assert len(inputs()) == 1
