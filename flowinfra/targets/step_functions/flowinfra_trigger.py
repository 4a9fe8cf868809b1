"""What started this run, for its tasks: `current.trigger`, `run.trigger`, and parameters from an event's payload.

flowinfra puts this file into the code package of a flow that events start. It runs in the task: with Metaflow, and
nothing of flowinfra. The events are in the input of the execution, which a task asks Step Functions for: they do not
fit into the 8,192 characters that AWS Batch leaves for the variables of a job.
"""

from __future__ import annotations

import calendar
import json
import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaflow import events, metaflow_current
from metaflow.metadata_provider.metadata import MetaDatum
from metaflow.plugins.aws import aws_client
from metaflow.user_decorators.user_step_decorator import UserStepDecorator

current: Any = metaflow_current.current
event_trigger: Any = events.Trigger
get_aws_client: Any = aws_client.get_aws_client

PARAMETERS = "parameters.sh"
LARGEST = 131_071 - len("=\0")
"""Bytes of a variable's name and value: MAX_ARG_STRLEN of Linux (include/uapi/linux/binfmts.h)."""


class Started(UserStepDecorator):
    """Tells a step what started its run."""

    def pre_step(self, step_name: str, flow: Any, inputs: Any = None) -> None:
        """Set `current.trigger`; the first step keeps it for the Client API, the others ask when it is read."""
        if step_name != getattr(flow._graph, "start_step", "start"):
            type(current).trigger = property(lambda _: _known())
            return
        found = [_described(each) for each in triggers()]
        if not found:
            return
        current._update_env({"trigger": event_trigger(list(found))})
        told = MetaDatum(
            field="execution-triggers",
            value=json.dumps(found),
            type="execution-triggers",
            tags=[f"attempt_id:{current.retry_count}"],
        )
        flow._datastore._metadata.register_metadata(current.run_id, step_name, current.task_id, [told])


def triggers() -> list[dict[str, Any]]:
    """Read the events in the execution's input; none where a person or a schedule started it."""
    arn = execution(os.environ)
    try:
        found = get_aws_client("stepfunctions").describe_execution(executionArn=arn)
    except Exception as error:
        raise RuntimeError(
            f"what started this run cannot be read from Step Functions: {error}. The role of the flow's jobs needs "
            f"states:DescribeExecution on {arn}, and the jobs' network a way to Step Functions (in a VPC without "
            "internet its interface endpoint `states`)"
        ) from error
    given = json.loads(found.get("input") or "{}")
    return list(given.get("Triggers") or []) if isinstance(given, dict) else []


def execution(variables: Mapping[str, str]) -> str:
    """ARN of the run's execution: not that of a distributed map, which has executions of its own."""
    place = variables["FLOWINFRA_STATE_MACHINE"].split(":")[:5]
    return ":".join([*place, "execution", variables["SFN_STATE_MACHINE"], variables["METAFLOW_RUN_ID"]])


def payload(trigger: Mapping[str, Any]) -> dict[str, Any]:
    """Parameter → value, of those that an event's payload has; null sets nothing."""
    detail = (trigger.get("event") or {}).get("detail")
    values = {name: _at(detail, path) for name, path in (trigger.get("parameters") or {}).items()}
    return {name: value for name, value in values.items() if value is not None}


def exports(variables: Mapping[str, str], started_by: list[dict[str, Any]]) -> str:
    """Lines of a shell that give `init` the run's parameters: defaults, then events, then who started it by hand."""
    values = json.loads(variables.get("METAFLOW_DEFAULT_PARAMETERS", "{}"))
    for each in started_by:
        values.update(payload(each))
    values.update(json.loads(variables.get("METAFLOW_PARAMETERS", "{}")))
    return "".join(f"export {name}={shlex.quote(text)};" for name, text in _variables(values).items())


def _variables(values: Mapping[str, Any]) -> dict[str, str]:
    """Names are those of variables of a shell, which would execute any other."""
    found = {}
    for key, value in values.items():
        name = "METAFLOW_INIT_" + key.upper().replace("-", "_")
        text = value if isinstance(value, str) else json.dumps(value)
        if not name.isascii() or not name.isidentifier():
            continue
        if len(f"{name}{text}".encode()) > LARGEST:
            raise ValueError(f"the value of parameter {key} has more than {LARGEST:,} bytes, and Linux takes no more")
        found[name] = text
    return found


def _at(value: Any, path: str) -> Any:
    """The value at a path of keys (`object.key`); None where it is not there."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def _described(trigger: Mapping[str, Any]) -> dict[str, Any]:
    """An event as Metaflow keeps it."""
    event = trigger.get("event") or trigger
    ended = f"{trigger['flow']}/sfn-{trigger['run']}/end" if trigger["type"] == "run" else event["id"]
    return {
        "timestamp": calendar.timegm(time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")),
        "id": ended,
        "name": trigger["name"],
        "type": trigger["type"],
    }


def _known() -> Any:
    found = [_described(each) for each in triggers()]
    if not found:
        # as for every attribute of `current` that a run does not have
        raise AttributeError("trigger")
    current._update_env({"trigger": event_trigger(found)})
    return current.trigger


if __name__ == "__main__":
    Path(PARAMETERS).write_text(exports(os.environ, triggers()), encoding="utf-8")
