"""Fires EventBridge rules with a schedule and a state machine as target.

moto keeps rules and fires none. Off unless asked for: a schedule that fires while one tries things
out is a surprise. AWS: times are UTC, with a precision of a minute
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html); a
target's `Input` is passed unchanged.
"""

from __future__ import annotations

import logging
import re
import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from aws_croniter import AwsCroniter
from botocore.exceptions import ClientError
from moto.events.models import events_backends

from flowinfra.local import identity

LOG = logging.getLogger(__name__)
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")


def next_time(expression: str, after: datetime) -> datetime | None:
    """When `cron(…)` or `rate(…)` fires next after a time (UTC); None if never, ValueError if it
    cannot be read.
    """
    rate = _RATE.fullmatch(expression)
    if rate:
        return after + timedelta(seconds=int(rate[1]) * _UNITS[rate[2]])
    if not (expression.startswith("cron(") and expression.endswith(")")):
        raise ValueError(f"neither cron(…) nor rate(…): {expression}")
    found: list[datetime] = AwsCroniter(expression[5:-1]).get_next(after)
    return found[0] if found else None


class Scheduler(threading.Thread):
    """Looks at the rules every second and starts what is due."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(name="schedules", daemon=True)
        self._endpoint = endpoint
        self._due: dict[tuple[str, str], datetime | None] = {}
        self._stop = threading.Event()

    def run(self) -> None:
        """Fire rules until `stop`."""
        while not self._stop.wait(1):
            try:
                self.tick(datetime.now(timezone.utc))
            except Exception:
                LOG.exception("schedules")

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def tick(self, now: datetime) -> None:
        """Fire each enabled rule that is due; a rule that is new or changed counts from now."""
        due = {}
        for rule in list(events_backends[identity.ACCOUNT][identity.REGION].event_buses["default"].rules.values()):
            if rule.state != "ENABLED" or not rule.scheduled_expression:
                continue
            key = (rule.name, rule.scheduled_expression)
            if key not in self._due:
                due[key] = self._next(rule, now)
                continue
            moment = self._due[key]
            # EventBridge tries again what is refused, for a day; here until it succeeds
            if moment is not None and moment <= now and self._fire(rule):
                moment = self._next(rule, now)
            due[key] = moment
        self._due = due

    def _next(self, rule: Any, now: datetime) -> datetime | None:
        try:
            return next_time(rule.scheduled_expression, now)
        except Exception:
            LOG.exception("rule %s: schedule %s", rule.name, rule.scheduled_expression)
            return None

    def _fire(self, rule: Any) -> bool:
        """Start what a rule has as targets; False if its role may not yet."""
        for target in rule.targets:
            if ":states:" not in target["Arn"]:
                LOG.warning(
                    "rule %s: no target but a state machine can be started: %s",
                    rule.name,
                    target["Arn"],
                )
                continue
            client: Any = boto3.session.Session().client(
                "stepfunctions",
                endpoint_url=self._endpoint,
                region_name=identity.REGION,
                aws_access_key_id=identity.access_key("events", target.get("RoleArn")),
                aws_secret_access_key=identity.SECRET_KEY,
            )
            try:
                client.start_execution(stateMachineArn=target["Arn"], input=target.get("Input") or "{}")
            except ClientError as error:
                if error.response["Error"]["Code"] != "AccessDeniedException":
                    raise
                return False
        return True
