"""How a request is put to `step-functions create`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from flowinfra.model.compiled import MARK
from flowinfra.model.cron import refused
from flowinfra.model.timezones import timezone_problem
from flowinfra.targets.step_functions.options import StepFunctionsOptions
from flowinfra.targets.target import Target


def _create_options(shape: StepFunctionsOptions) -> list[str]:
    options = []
    for key, value in sorted(shape.batch_tags.items()):
        options += ["--aws-batch-tag", f"{key}={value}"]
    if shape.log_history:
        options.append("--log-execution-history")
    if shape.distributed_map:
        options.append("--use-distributed-map")
    if shape.compress:
        options.append("--compress-state-machine")
    return options


def _settings(shape: StepFunctionsOptions) -> dict[str, str]:
    values = {
        "METAFLOW_BATCH_JOB_QUEUE": f"{MARK}queue",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": f"{MARK}job-role",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": f"{MARK}table",
        # Metaflow takes the partition of state machine resources from this role; the component sets the role itself
        "METAFLOW_SFN_IAM_ROLE": f"arn:{shape.partition}:iam::000000000000:role/states",
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": f"arn:{shape.partition}:iam::000000000000:role/events",
        "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN": "log-group",
    }
    if shape.compute == "FARGATE":
        values["METAFLOW_ECS_FARGATE_EXECUTION_ROLE"] = f"{MARK}execution-role"
    if shape.default_image:
        values["METAFLOW_BATCH_CONTAINER_IMAGE"] = shape.default_image
    if shape.batch_tags:
        # Metaflow tags no job at all unless it is told to
        values["METAFLOW_BATCH_EMIT_TAGS"] = "1"
    if shape.name_prefix:
        values["METAFLOW_SFN_STATE_MACHINE_PREFIX"] = shape.name_prefix
    return values


_TAG = re.compile(r"[A-Za-z0-9 +.:/@_-]*")


def _problems(shape: StepFunctionsOptions) -> Iterator[str]:
    """Tags of jobs, which Metaflow's command takes as `key=value` and cuts at each `=`."""
    for key, value in shape.batch_tags.items():
        if not key or len(key) > 128 or not _TAG.fullmatch(key) or key.lower().startswith("aws:"):
            yield (
                f"batch_tags: found the key {key!r}, allowed: 1 to 128 letters, digits, spaces and _.:/+-@, "
                "not beginning with aws:"
            )
        if len(value) > 256 or not _TAG.fullmatch(value) or value.lower().startswith("aws:"):
            yield (
                f"batch_tags.{key}: found {value!r}, allowed: up to 256 letters, digits, spaces and _.:/+-@, not "
                "beginning with aws: (AWS takes `=` too, Metaflow's command does not: give such a tag in the flow, by "
                "@batch(aws_batch_tags=…))"
            )


def _of_stack(stack: Any) -> dict[str, Any]:
    platform = stack.platform
    return {
        "compute": platform.create.compute if platform.create else platform.compute,
        "partition": platform.partition,
        "name_prefix": stack.name_prefix,
    }


def _lacks(stack: Any, flow: Any) -> str | None:
    return None if stack.platform.queue or stack.platform.create or flow.own.queue else "queue"


TARGET = Target(
    name="step-functions",
    title="AWS Step Functions",
    group="step-functions",
    options=StepFunctionsOptions,
    create_options=_create_options,
    settings=_settings,
    given=frozenset(("queue", "job-role", "execution-role")),
    cron="aws",
    cron_problem=partial(refused, "aws"),
    timezone_problem=partial(timezone_problem, "EventBridge Scheduler"),
    problems=_problems,
    of_stack=_of_stack,
    lacks=_lacks,
    identity_settings={
        "METAFLOW_BATCH_JOB_QUEUE": "queue",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": "job_role",
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": "execution_role",
        "METAFLOW_SFN_IAM_ROLE": "states_role",
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": "events_role",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "table",
        "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN": "log_history",
    },
    shape_settings={
        "METAFLOW_SFN_STATE_MACHINE_PREFIX": "name_prefix",
        "METAFLOW_BATCH_CONTAINER_IMAGE": "image",
    },
)
