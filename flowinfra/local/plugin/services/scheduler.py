"""aws:scheduler/schedule:Schedule.

After terraform-provider-aws `internal/service/scheduler/schedule.go`. Of the targets it has those that need no block of
their own. A schedule has no tags: in EventBridge Scheduler only groups have some.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from flowinfra.local.plugin.cloud import CloudError, Scope, explained, once_possible
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.resource import Created, Resource, State, made, present
from flowinfra.plugin.checks import arn, between, length, matches, one_of
from flowinfra.plugin.schema import Schema, block, text, whole

T = TypeVar("T")

_NAMED = matches(r"^[0-9A-Za-z_.-]+$", "The name must consist of alphanumerics, hyphens, and underscores.")
_NO_ROLE = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
_PLAIN = {
    "description": "Description",
    "kmsKeyArn": "KmsKeyArn",
    "scheduleExpression": "ScheduleExpression",
    "scheduleExpressionTimezone": "ScheduleExpressionTimezone",
    "startDate": "StartDate",
    "endDate": "EndDate",
    "state": "State",
    "actionAfterCompletion": "ActionAfterCompletion",
}
"""Property → argument of CreateSchedule and UpdateSchedule."""


class Schedule(Resource):
    """A schedule of EventBridge Scheduler."""

    token = "aws:scheduler/schedule:Schedule"  # noqa: S105
    schema = Schema(
        "EventBridge Scheduler Schedule",
        {
            "actionAfterCompletion": text(one_of(["NONE", "DELETE"]), computed=True),
            "description": text(length(0, 512)),
            "endDate": text(),
            "flexibleTimeWindow": block(
                {
                    "maximumWindowInMinutes": whole(between(1, 1440)),
                    "mode": text(one_of(["OFF", "FLEXIBLE"]), required=True),
                },
                required=True,
            ),
            "groupName": text(length(1, 64), computed=True, replaces=True),
            "kmsKeyArn": text(arn),
            "name": text(length(1, 64), _NAMED, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(length(1, 38), _NAMED, computed=True, replaces=True, unread=True),
            "scheduleExpression": text(length(1, 256), required=True),
            "scheduleExpressionTimezone": text(length(1, 50), default="UTC"),
            "startDate": text(),
            "state": text(one_of(["ENABLED", "DISABLED"]), default="ENABLED"),
            "target": block(
                {
                    "arn": text(arn, required=True),
                    "deadLetterConfig": block({"arn": text(arn, required=True)}),
                    "input": text(length(1, 2**63)),
                    "retryPolicy": block(
                        {
                            "maximumEventAgeInSeconds": whole(between(60, 86400), default=86400),
                            "maximumRetryAttempts": whole(between(0, 185), default=185),
                        },
                        computed=True,
                    ),
                    "roleArn": text(arn, required=True),
                },
                required=True,
            ),
        },
        ("arn",),
        identity_limit=64,
        tagged=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreateSchedule, refused by AWS where it exists."""
        name, group = new.get("name") or unique(new["namePrefix"]), new.get("groupName")
        client = aws.client("scheduler")
        self._put(f"creating EventBridge Scheduler Schedule ({name})", client.create_schedule, name, group, new)
        identifier = f"{group or 'default'}/{name}"
        return Created(identifier, made(self.read(aws, identifier, new), new))

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetSchedule; an import's id is `group/name`."""
        group, name = _parse(identifier)
        try:
            with explained(f"reading EventBridge Scheduler Schedule ({identifier})"):
                found = aws.client("scheduler").get_schedule(GroupName=group, Name=name)
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        target, window = found["Target"], found["FlexibleTimeWindow"]
        retry, dead = target.get("RetryPolicy"), target.get("DeadLetterConfig")
        return {
            "arn": found["Arn"],
            "groupName": found["GroupName"],
            "name": found["Name"],
            **{key: found.get(argument) for key, argument in _PLAIN.items()},
            "flexibleTimeWindow": present(
                mode=window["Mode"], maximumWindowInMinutes=window.get("MaximumWindowInMinutes")
            ),
            "target": present(
                arn=target["Arn"],
                roleArn=target["RoleArn"],
                input=target.get("Input"),
                deadLetterConfig=dead and {"arn": dead["Arn"]},
                retryPolicy=retry
                and {
                    "maximumEventAgeInSeconds": retry["MaximumEventAgeInSeconds"],
                    "maximumRetryAttempts": retry["MaximumRetryAttempts"],
                },
            ),
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """UpdateSchedule, which sets what is left out to its default: all is sent, as upstream does."""
        group, name = _parse(identifier)
        client = aws.client("scheduler")
        self._put(f"updating EventBridge Scheduler Schedule ({identifier})", client.update_schedule, name, group, new)
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteSchedule."""
        group, name = _parse(identifier)
        try:
            with explained(f"deleting EventBridge Scheduler Schedule ({identifier})"):
                aws.client("scheduler").delete_schedule(GroupName=group, Name=name)
        except CloudError as error:
            if not error.means_absent():
                raise

    @staticmethod
    def _put(doing: str, call: Callable[..., Any], name: str, group: str | None, new: State) -> None:
        """Call until the role can be assumed, as upstream does for two minutes (`retryWhenIAMNotPropagated`)."""
        arguments = present(
            Name=name,
            GroupName=group,
            FlexibleTimeWindow=present(
                Mode=new["flexibleTimeWindow"]["mode"],
                MaximumWindowInMinutes=new["flexibleTimeWindow"].get("maximumWindowInMinutes"),
            ),
            Target=_target(new["target"]),
            **{argument: new.get(key) for key, argument in _PLAIN.items()},
        )

        def put() -> None:
            with explained(doing):
                call(**arguments)

        once_possible(put, code="ValidationException", message=_NO_ROLE)


def _target(target: State) -> dict[str, Any]:
    retry, dead = target.get("retryPolicy"), target.get("deadLetterConfig")
    return present(
        Arn=target["arn"],
        RoleArn=target["roleArn"],
        Input=target.get("input"),
        DeadLetterConfig=dead and {"Arn": dead["arn"]},
        RetryPolicy=retry
        and {
            "MaximumEventAgeInSeconds": retry["maximumEventAgeInSeconds"],
            "MaximumRetryAttempts": retry["maximumRetryAttempts"],
        },
    )


def _parse(identifier: str) -> tuple[str, str]:
    group, slash, name = identifier.partition("/")
    if not (group and slash and name) or "/" in name:
        raise CloudError(f"unexpected format of ID ({identifier}), expected schedule-group-name/schedule-name")
    return group, name
