"""A schedule that EventBridge Scheduler could not run is refused when it is made or changed.

AWS: CreateSchedule and UpdateSchedule answer with a ValidationException where the expression is none, the timezone is
none, or the role's trust does not name `scheduler.amazonaws.com`
(https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html#API_CreateSchedule_Errors; the words
about the role are those that terraform-provider-aws waits for, `internal/service/scheduler/schedule.go`). A group that
is not there is a ResourceNotFoundException, and `ActionAfterCompletion` is NONE where nothing is said.

moto: takes any text for all three, fails with a KeyError for a group, and answers null.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from moto.iam.models import iam_backends
from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule

from flowinfra.local import iam_delay
from flowinfra.local.mends.mend import Mend, patch
from flowinfra.model.cron import CronError, fires

SERVICE = "scheduler.amazonaws.com"
_create = EventBridgeSchedulerBackend.create_schedule
_update = EventBridgeSchedulerBackend.update_schedule
_RATE = re.compile(r"rate\(([1-9][0-9]*) (?:minute|hour|day)s?\)")
_AT = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")


def create(self: EventBridgeSchedulerBackend, **arguments: Any) -> Schedule:
    """Check, and make it."""
    _check(self, arguments)
    return _create(self, **{**arguments, "action_after_completion": arguments["action_after_completion"] or "NONE"})


def update(self: EventBridgeSchedulerBackend, **arguments: Any) -> Schedule:
    """Check, and change it."""
    _check(self, arguments)
    return _update(self, **{**arguments, "state": arguments["state"] or "ENABLED"})


def _check(backend: EventBridgeSchedulerBackend, arguments: dict[str, Any]) -> None:
    backend.get_schedule_group(arguments["group_name"])
    expression, zone = arguments["schedule_expression"], arguments["schedule_expression_timezone"]
    if not _runs(expression):
        raise ValidationException(f"Invalid Schedule Expression {expression}.")
    try:
        ZoneInfo(zone or "UTC")
    except (LookupError, OSError, ValueError):
        raise ValidationException(f"Invalid Schedule Expression Timezone {zone}.") from None
    if not _trusted(backend.account_id, arguments["target"]["RoleArn"]):
        raise ValidationException(iam_delay.NO_SCHEDULE)


def _runs(expression: str) -> bool:
    if expression.startswith("cron(") and expression.endswith(")"):
        try:
            fires("aws", expression[len("cron(") : -1])
        except CronError:
            return False
        return True
    return bool(_RATE.fullmatch(expression) or _AT.fullmatch(expression))


def _trusted(account: str, role: str) -> bool:
    """Whether EventBridge Scheduler may take on a role."""
    roles = iam_backends[account]["aws"].roles.values()
    found = next((each for each in roles if each.arn == role), None)
    if found is None:
        return False
    statements = json.loads(unquote(found.assume_role_policy_document))["Statement"]
    services = [
        service
        for statement in (statements if isinstance(statements, list) else [statements])
        if statement["Effect"] == "Allow" and isinstance(statement["Principal"], dict)
        for service in _listed(statement["Principal"].get("Service", []))
    ]
    return SERVICE in services


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


MEND = Mend(
    "schedules",
    (
        patch(EventBridgeSchedulerBackend, "create_schedule", create),
        patch(EventBridgeSchedulerBackend, "update_schedule", update),
    ),
)
