"""Schedules, fired on the clock that the test gives."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flowinfra.local import calls, platform, run
from flowinfra.local.mends import schedules
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


class Timed:
    """A schedule of EventBridge Scheduler in a region of the world, and a clock that the test moves."""

    def __init__(self, aws: Aws, target: str, **more: Any) -> None:
        self.aws, self.arn, self.name = aws, target, unique("schedule")
        self.client = run.client(aws.instance, "scheduler")
        self.scheduler = Scheduler(aws.instance.endpoint)
        self.more = {"Input": '{"Parameters": "{}"}', **more}
        self.client.create_schedule(**self.arguments())

    def arguments(self, **changed: Any) -> dict[str, Any]:
        role = platform.role_arn(platform.EVENTS_ROLE)
        return {
            "Name": self.name,
            "ScheduleExpression": "cron(30 2 * * ? *)",
            "ScheduleExpressionTimezone": "Europe/Berlin",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": self.arn, "RoleArn": role, **self.more},
            **changed,
        }

    def at(self, *moments: str) -> None:
        for moment in moments:
            self.scheduler.tick(datetime.fromisoformat(f"2026-{moment}:00+00:00"))

    def runs(self) -> list[str]:
        found = self.aws.states.list_executions(stateMachineArn=self.arn)["executions"]
        return [self.aws.ended(each["executionArn"])["input"] for each in found]


@pytest.fixture(autouse=True)
def no_schedule_of_another_test(aws: Aws) -> None:
    """Each fires on the clock of whoever asks."""
    client = run.client(aws.instance, "scheduler")
    for each in client.list_schedules()["Schedules"]:
        client.delete_schedule(Name=each["Name"])


def test_a_schedule_keeps_to_the_clocks_of_its_place(aws: Aws) -> None:
    timed = Timed(aws, aws.deploy(machine(only={"Type": "Pass", "End": True})))
    timed.at("03-27T12:00", "03-28T01:29")
    assert timed.runs() == []
    timed.at("03-28T01:30", "03-28T01:31")
    assert timed.runs() == ['{"Parameters": "{}"}']
    timed.at("03-29T00:30", "03-29T01:30", "03-29T02:30", "03-30T00:29")  # 2:30 is left out that night
    assert len(timed.runs()) == 1
    timed.at("03-30T00:30")
    assert len(timed.runs()) == 2
    started = [call for call in calls.read(aws.state.call_log) if call["resource"].get("stateMachineArn") == timed.arn]
    by_schedule = {(call["kind"], call["role"]) for call in started if call["operation"] == "StartExecution"}
    assert by_schedule == {("scheduler", platform.EVENTS_ROLE)}
    timed.client.update_schedule(**timed.arguments(State="DISABLED"))
    timed.at("03-31T00:30", "04-01T00:30")
    assert len(timed.runs()) == 2


def test_the_time_of_the_schedule_is_written_into_its_input(aws: Aws) -> None:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
    arn = aws.deploy(machine(only={"Type": "Pass", "End": True}))
    timed = Timed(aws, arn, Input='{"day": "<aws.scheduler.scheduled-time>"}')
    timed.at("07-01T12:00", "07-02T00:30")
    assert timed.runs() == ['{"day": "2026-07-02T00:30:00Z"}']


def test_what_cannot_be_started_goes_to_the_dead_letter_queue(aws: Aws) -> None:
    sqs, name = run.client(aws.instance, "sqs"), unique("dead")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    missing = f"arn:aws:states:us-east-1:123456789012:stateMachine:{unique('gone')}"
    timed = Timed(aws, missing, DeadLetterConfig={"Arn": arn})
    timed.at("07-01T12:00", "07-02T00:30", "07-02T00:31")
    [message] = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], MaxNumberOfMessages=10)["Messages"]
    assert message["Body"] == '{"Parameters": "{}"}'
    told = {key: each["StringValue"] for key, each in message["MessageAttributes"].items()}
    assert told["ERROR_CODE"] == "StateMachineDoesNotExist"
    assert (told["TARGET_ARN"], told["SCHEDULED_TIME"]) == (missing, "2026-07-02T00:30:00Z")
    assert told["SCHEDULE_ARN"].endswith(f":schedule/default/{timed.name}")


@pytest.mark.parametrize("limit", ["MaximumRetryAttempts", "MaximumEventAgeInSeconds"])
def test_retries_end(aws: Aws, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that may pass is tried again, as often and as long as the policy says."""
    policy = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}
    policy |= {} if limit == "MaximumRetryAttempts" else {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 60}
    timed = Timed(aws, aws.deploy(machine(only={"Type": "Pass", "End": True})), RetryPolicy=policy)
    tried: list[str] = []

    def refused(service: str, *_: Any) -> Any:
        class Client:
            def start_execution(self, **arguments: Any) -> None:
                if arguments["stateMachineArn"] != timed.arn:
                    return
                tried.append(service)
                raise ClientError({"Error": {"Code": "ThrottlingException"}}, "StartExecution")

        return Client()

    monkeypatch.setattr(timed.scheduler, "_client", refused)
    timed.at("07-01T12:00", "07-02T00:30", "07-02T00:31", "07-02T00:32", "07-02T00:33", "07-02T00:34")
    assert len(tried) == 3


def test_a_schedule_that_could_not_run_is_refused(aws: Aws) -> None:
    timed = Timed(aws, aws.deploy(machine(only={"Type": "Pass", "End": True})))
    role = {"Arn": timed.arn, "RoleArn": platform.role_arn(platform.JOB_ROLE)}
    for changed, words in (
        ({"ScheduleExpression": "rate(30 seconds)"}, r"Invalid Schedule Expression rate\(30 seconds\)"),
        ({"ScheduleExpression": "cron(0 0 * * * *)"}, "Invalid Schedule Expression"),
        ({"ScheduleExpressionTimezone": "Europe/Berln"}, "Invalid Schedule Expression Timezone"),
        ({"Target": role}, "must allow AWS EventBridge Scheduler to assume the role"),
        ({"GroupName": "none"}, "Schedule group none does not exist"),
    ):
        with pytest.raises(ClientError, match=words):
            timed.client.create_schedule(**timed.arguments(Name=unique("refused"), **changed))
        with pytest.raises(ClientError, match=words):
            timed.client.update_schedule(**timed.arguments(**changed))
    found = timed.client.get_schedule(Name=timed.name)
    assert (found["ActionAfterCompletion"], found["State"]) == ("NONE", "ENABLED")
    with schedules.MEND.withdrawn():
        timed.client.create_schedule(**timed.arguments(Name=unique("taken"), ScheduleExpression="noon"))
