"""A flow that waits for several events: a small state machine, and a row of the table that a foreach needs. Pure.

The rule of each event starts the small state machine, which writes the event into the row. Then it takes all events out
of the row, if all are there: DynamoDB lets only one of those that try at once do so, and that one starts the flow with
them. docs/decisions/events.md says why so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowinfra.components.iam import Policy, allow, document, use_keys
from flowinfra.components.site import Site
from flowinfra.errors import BindError
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.compiled import Flow
from flowinfra.model.cron.as_aws import as_aws
from flowinfra.targets.step_functions.by_hand import rule_name, shortened
from flowinfra.targets.step_functions.triggers import key, several

KEY = "pathspec"
"""Hash key of the table, as Metaflow has it."""
MOST = 50
"""Events of one flow: an expression of DynamoDB has 4 KB
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html)."""
NAME = 80
"""Characters of a state machine's name."""

_UPDATE = "arn:{}:states:::dynamodb:updateItem"
_START = "arn:{}:states:::states:startExecution"
_NOT_SO = "DynamoDB.ConditionalCheckFailedException"
_STARTED = "StepFunctions.ExecutionAlreadyExistsException"
_THROTTLED = (
    "DynamoDB.ProvisionedThroughputExceededException",
    "DynamoDB.RequestLimitExceeded",
    "DynamoDB.ThrottlingException",
)
_AGAIN = {"IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 6, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}
_TOO_LARGE = "States.DataLimitExceeded"
FORGET = canonical_json({"forget": True})
"""Input with which the small state machine forgets what came."""


def machine_name(state_machine: str) -> str:
    """Name of the small state machine of a flow."""
    return f"{state_machine}-events"


def reset_name(state_machine: str, index: int) -> str:
    """Name of the schedule at which a flow's events are forgotten; some crons need two."""
    name = machine_name(state_machine)
    return rule_name(name) if not index else shortened(f"{name}--{index + 1}")


def row(state_machine: str) -> str:
    """Key of the row of a flow; no pathspec of Metaflow's begins so."""
    return f"flowinfra/events/{state_machine}"


def reset(flow: Flow) -> tuple[list[str], str] | None:
    """When what came is forgotten: crons of AWS and their timezone; None where it never is.

    Metaflow takes the options of @trigger_on_finish, where a flow has both decorators.
    """
    given = {each.name: each.attributes.get("options") or {} for each in flow.decorators}
    at = (given.get("trigger_on_finish") or given.get("trigger") or {}).get("reset_at") or {}
    if not several(flow) or not at.get("cron"):
        return None
    return as_aws(at["cron"]), at.get("timezone") or "UTC"


def problems(who: str, flow: Flow, site: Site) -> Iterator[BindError]:
    """What keeps a flow from waiting for several events."""
    if not several(flow):
        return
    names = ", ".join(trigger.name for trigger in flow.triggers)
    if site.table is None:
        yield BindError(
            f"{who}: waits for all of {names}, and what has come is kept in the table that a foreach needs, which the "
            "platform does not have; give it a `table`, or wait for the last event alone"
        )
    if len(flow.triggers) > MOST:
        yield BindError(f"{who}: waits for {len(flow.triggers)} events, allowed are {MOST}")
    name = machine_name(who)
    if len(name) > NAME:
        yield BindError(
            f"{who}: waits for all of {names}, which needs a state machine {name}: its name has {len(name)} "
            f"characters, allowed are {NAME}; set a shorter `name` or `name_prefix`"
        )


def warnings(who: str, flow: Flow, site: Site) -> Iterator[str]:
    """What roles of the platform need."""
    if not several(flow):
        return
    machine = site.state_machine_arn(machine_name(who))
    if site.states_role is not None:
        yield (
            f"{who}: waits for several events, and the platform's states_role keeps them: it needs "
            f"dynamodb:UpdateItem on the row {row(who)!r} of the table {site.table}, and states:StartExecution on "
            f"{site.state_machine_arn(who)}, or the flow does not start"
        )
    if site.events_role is not None:
        yield (
            f"{who}: waits for several events, which come to {machine}: the platform's events_role needs "
            "states:StartExecution on it, or the flow does not start"
        )


def policy(who: str, site: Site) -> Policy:
    """What the small state machine does: it writes the flow's row, and starts the flow."""
    own = allow("KeepEvents", ["dynamodb:UpdateItem"], [site.arn("dynamodb", f"table/{site.table}")])
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    own["Condition"] = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [row(who)]}}
    statements = [own, allow("StartFlow", ["states:StartExecution"], [site.state_machine_arn(who)])]
    if site.kms_keys:
        statements.append(use_keys(site.kms_keys))
    return document(*statements)


def definition(who: str, flow: Flow, site: Site) -> str:
    """The small state machine.

    Each state may be tried again without a second run: the same event is written once, and the execution that it
    starts has the name of this one, of which Step Functions has only one.
    """
    events = [key(trigger) for trigger in flow.triggers]
    states = {
        "Record": _record(site, who),
        "Take all": _take(site, who, events),
        "Start": _start(site, who),
        "Wait for the others": {"Type": "Succeed"},
        "Started before": {"Type": "Succeed"},
        "Too large": _too_large(who),
    }
    begin = "Record"
    if reset(flow):
        begin = "Reset"
        states |= {
            "Reset": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.forget", "IsPresent": True, "Next": "Forget"}],
                "Default": "Record",
            },
            "Forget": _forget(site, who, events),
        }
    comment = f"Starts {who} once {flow.starts_when}"
    return canonical_json({"Comment": comment, "StartAt": begin, "States": states})


def _record(site: Site, who: str) -> dict[str, Any]:
    """Keeps the latest event of a name. EventBridge may send one twice: the second one changes nothing."""
    return {
        "Type": "Task",
        "Resource": _UPDATE.format(site.partition),
        "Parameters": {
            **_row(site, who),
            "UpdateExpression": "SET #event = :event, #id = :id",
            "ConditionExpression": "attribute_not_exists(#id) OR #id <> :id",
            "ExpressionAttributeNames": {
                "#event.$": "States.Format('event_{}', $.key)",
                "#id.$": "States.Format('id_{}', $.key)",
            },
            "ExpressionAttributeValues": {
                ":event": {"S.$": "States.JsonToString($.trigger)"},
                ":id": {"S.$": "$.id"},
            },
        },
        "ResultPath": None,
        "Retry": [{"ErrorEquals": [_NOT_SO], "MaxAttempts": 0}, {"ErrorEquals": ["States.TaskFailed"], **_AGAIN}],
        # it was written before: by its other copy, or by a try of which no answer came
        "Catch": [{"ErrorEquals": [_NOT_SO], "ResultPath": None, "Next": "Take all"}],
        "Next": "Take all",
    }


def _take(site: Site, who: str, events: Sequence[str]) -> dict[str, Any]:
    """Takes all events, or none. It is tried again only where AWS says that it did nothing."""
    taken = ", ".join(f"States.StringToJson($.Attributes.event_{each}.S)" for each in events)
    return {
        "Type": "Task",
        "Resource": _UPDATE.format(site.partition),
        "Parameters": {
            **_row(site, who),
            "UpdateExpression": _remove(events),
            "ConditionExpression": " AND ".join(f"attribute_exists(event_{each})" for each in events),
            "ReturnValues": "ALL_OLD",
        },
        "ResultSelector": {"Parameters": "{}", "Triggers.$": f"States.Array({taken})"},
        "Retry": [{"ErrorEquals": list(_THROTTLED), **_AGAIN}],
        "Catch": [
            {"ErrorEquals": [_NOT_SO], "Next": "Wait for the others"},
            {"ErrorEquals": [_TOO_LARGE], "Next": "Too large"},
        ],
        "Next": "Start",
    }


def _start(site: Site, who: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": _START.format(site.partition),
        "Parameters": {
            "StateMachineArn": site.state_machine_arn(who),
            "Name.$": "$$.Execution.Name",
            "Input.$": "$",
        },
        "Retry": [{"ErrorEquals": [_STARTED], "MaxAttempts": 0}, {"ErrorEquals": ["States.TaskFailed"], **_AGAIN}],
        "Catch": [{"ErrorEquals": [_STARTED], "Next": "Started before"}],
        "End": True,
    }


def _forget(site: Site, who: str, events: Sequence[str]) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": _UPDATE.format(site.partition),
        "Parameters": {**_row(site, who), "UpdateExpression": _remove(events)},
        "Retry": [{"ErrorEquals": ["States.TaskFailed"], **_AGAIN}],
        "End": True,
    }


def _too_large(who: str) -> dict[str, Any]:
    return {
        "Type": "Fail",
        "Error": "EventsTooLarge",
        "Cause": f"The events for which {who} waits have more than 256 KB together, which no execution takes as its "
        "input: they are lost. Send addresses of large things, not the things",
    }


def _row(site: Site, who: str) -> Mapping[str, Json]:
    return {"TableName": site.table, "Key": {KEY: {"S": row(who)}}}


def _remove(events: Sequence[str]) -> str:
    return "REMOVE " + ", ".join(f"event_{each}" for each in events)
