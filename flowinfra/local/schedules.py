"""Fires what has a schedule: rules of EventBridge, and schedules of EventBridge Scheduler, that start a state machine.

moto keeps them and fires none. Off unless asked for: a schedule that fires while one tries things out is a surprise.
AWS: both have a precision of a minute, and pass a target's `Input` on unchanged. A rule's times are UTC
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html), a schedule's are those of its
timezone: of a cron, a time that daylight saving leaves out is skipped, and one that comes twice fires once
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time).
"""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import boto3
from aws_croniter import AwsCroniter
from botocore.exceptions import ClientError
from moto.events.models import events_backends
from moto.scheduler.models import scheduler_backends

from flowinfra.local import identity

LOG = logging.getLogger(__name__)
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_NOT_TRIED_AGAIN = ("StateMachineDoesNotExist", "InvalidArn", "InvalidExecutionInput")
"""What EventBridge Scheduler gives up on at once: nothing gets better by waiting."""


def next_time(expression: str, after: datetime, zone: str = "UTC") -> datetime | None:
    """When an expression fires next.

    Args:
        expression: `cron(…)`, `rate(…)`, or `at(…)`, which EventBridge Scheduler alone has.
        after: the time, in UTC, after which it fires.
        zone: timezone of the expression.

    Returns:
        The time in UTC; None if it never fires again.

    Raises:
        ValueError: it cannot be read.
    """
    if rate := _RATE.fullmatch(expression):
        return after + timedelta(seconds=int(rate[1]) * _UNITS[rate[2]])
    if once := _AT.fullmatch(expression):
        moment = datetime.fromisoformat(once[1]).replace(tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)
        return moment if moment > after else None
    if not (expression.startswith("cron(") and expression.endswith(")")):
        raise ValueError(f"neither cron(…) nor rate(…): {expression}")
    cron = AwsCroniter(expression[5:-1])
    # the parser knows UTC alone: it is asked for the hands of the clock
    hands: datetime | None = after.astimezone(ZoneInfo(zone)).replace(tzinfo=timezone.utc, fold=0)
    # it answers with a list of one, which is None where no time is left
    while hands := next(iter(cron.get_next(hands)), None):
        fired: datetime = hands.replace(tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)
        there = fired.astimezone(ZoneInfo(zone)).replace(tzinfo=timezone.utc, fold=0) == hands
        if there and fired > after:
            return fired
    return None


@dataclass
class _Due:
    """When something fires next, and how often AWS refused that."""

    moment: datetime | None
    refused: int = 0

    @property
    def time(self) -> str:
        """As AWS writes it."""
        return self.moment.strftime("%Y-%m-%dT%H:%M:%SZ") if self.moment else ""


@dataclass(frozen=True)
class _Clock:
    """What fires."""

    kind: identity.Kind
    name: str
    expression: str
    zone: str
    targets: tuple[dict[str, Any], ...] = field(compare=False, hash=False)
    arn: str = field(compare=False)

    def after(self, moment: datetime) -> datetime | None:
        """When it fires next; never if its expression cannot be read, which the log says."""
        try:
            return next_time(self.expression, moment, self.zone)
        except Exception:
            LOG.exception("%s: schedule %s", self.arn, self.expression)
            return None

    def input_of(self, target: dict[str, Any], due: _Due) -> str:
        """What the target gets; EventBridge Scheduler writes its context into a schedule's input.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
        """
        text: str = target.get("Input") or "{}"
        if self.kind == "scheduler":
            told = {"schedule-arn": self.arn, "scheduled-time": due.time, "attempt-number": str(due.refused + 1)}
            for name, value in {**told, "execution-id": str(uuid.uuid4())}.items():
                text = text.replace(f"<aws.scheduler.{name}>", value)
        return text


def _clocks() -> Iterator[_Clock]:
    """All that is turned on."""
    for rule in list(events_backends[identity.ACCOUNT][identity.REGION].event_buses["default"].rules.values()):
        if rule.state == "ENABLED" and rule.scheduled_expression:
            yield _Clock("events", rule.name, rule.scheduled_expression, "UTC", tuple(rule.targets), rule.arn)
    for group in list(scheduler_backends[identity.ACCOUNT][identity.REGION].schedule_groups.values()):
        for found in list(group.schedules.values()):
            if found.state == "ENABLED":
                zone, name = found.schedule_expression_timezone, f"{group.name}/{found.name}"
                yield _Clock("scheduler", name, found.schedule_expression, zone, (found.target,), found.arn)


class Scheduler(threading.Thread):
    """Looks at what has a schedule every second and starts what is due."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(name="schedules", daemon=True)
        self._endpoint = endpoint
        self._due: dict[_Clock, _Due] = {}
        self._stop = threading.Event()

    def run(self) -> None:
        """Fire until `stop`."""
        while not self._stop.wait(1):
            try:
                self.tick(datetime.now(timezone.utc))
            except Exception:
                LOG.exception("schedules")

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def tick(self, now: datetime) -> None:
        """Fire each that is due; one that is new or changed counts from now."""
        due = {}
        for clock in _clocks():
            mine = self._due.get(clock) or _Due(clock.after(now))
            if mine.moment is not None and mine.moment <= now and self._done(clock, mine, now):
                mine = _Due(clock.after(now))
            due[clock] = mine
        self._due = due

    def _done(self, clock: _Clock, due: _Due, now: datetime) -> bool:
        """Whether nothing more is to be tried: all has started, or the retry policy is used up."""
        for target in clock.targets:
            if ":states:" not in target["Arn"]:
                LOG.warning("%s: no target but a state machine can be started: %s", clock.arn, target["Arn"])
                continue
            states: Any = self._client("stepfunctions", clock, target)
            try:
                states.start_execution(stateMachineArn=target["Arn"], input=clock.input_of(target, due))
            except ClientError as error:
                due.refused += 1
                return self._given_up(clock, target, due, now, error)
        return True

    def _given_up(self, clock: _Clock, target: dict[str, Any], due: _Due, now: datetime, error: ClientError) -> bool:
        """Whether it is not tried again; what a schedule gives up goes to its dead-letter queue."""
        code = error.response["Error"]["Code"]
        if clock.kind == "events":
            # EventBridge tries again what is refused, for a day; here until it succeeds
            if code != "AccessDeniedException":
                raise error
            return False
        assert due.moment is not None
        policy, age = target["RetryPolicy"], (now - due.moment).total_seconds()
        if code in _NOT_TRIED_AGAIN:
            exhausted = None
        elif due.refused > policy["MaximumRetryAttempts"]:
            exhausted = "MaximumRetryAttempts"
        elif age > policy["MaximumEventAgeInSeconds"]:
            exhausted = "MaximumEventAgeInSeconds"
        else:
            return False
        LOG.warning("%s: given up: %s", clock.arn, error)
        if queue := (target.get("DeadLetterConfig") or {}).get("Arn"):
            self._bury(clock, target, queue, due, {"ERROR_CODE": code, "EXHAUSTED_RETRY_CONDITION": exhausted})
        return True

    def _bury(self, clock: _Clock, target: dict[str, Any], queue: str, due: _Due, why: dict[str, str | None]) -> None:
        """Send a dead-letter event: the input, and as attributes why it was not delivered.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
        """
        sqs: Any = self._client("sqs", clock, target)
        told = {
            **why,
            "RETRY_ATTEMPTS": str(due.refused - 1),
            "SCHEDULED_TIME": due.time,
            "SCHEDULE_ARN": clock.arn,
            "TARGET_ARN": target["Arn"],
        }
        account, name = queue.split(":")[-2:]
        try:
            address = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            sqs.send_message(
                QueueUrl=address,
                MessageBody=clock.input_of(target, due),
                MessageAttributes={
                    key: {"DataType": "String", "StringValue": value} for key, value in told.items() if value
                },
            )
        except ClientError:
            LOG.exception("%s: the dead-letter queue %s takes nothing", clock.arn, queue)

    def _client(self, service: str, clock: _Clock, target: dict[str, Any]) -> Any:
        """A client that acts with the target's role."""
        return boto3.session.Session().client(  # type: ignore[call-overload]
            service,
            endpoint_url=self._endpoint,
            region_name=identity.REGION,
            aws_access_key_id=identity.access_key(clock.kind, target.get("RoleArn")),
            aws_secret_access_key=identity.SECRET_KEY,
        )
