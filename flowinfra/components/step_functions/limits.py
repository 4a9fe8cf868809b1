"""AWS's limits, checked on the bound text before anything is sent: pure functions that yield what is over.

They run at preview with a stand-in where a value is not known yet, so that a deploy does not fail half-way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flowinfra.compiler.request_step_functions import cron_problem
from flowinfra.components.step_functions.bound import Bound
from flowinfra.errors import BindError
from flowinfra.model.compiled import StepFunctionsCompiled, canonical_json

DEFINITION_CHARACTERS = 1_048_576
STATE_MACHINE_NAME = 80
RULE_NAME = 64
CONTAINER_OVERRIDES_CHARACTERS = 8_192
JOB_DEFINITION_BYTES = 24 * 1024
SUBMIT_JOB_BYTES = 30 * 1024
INLINE_POLICY_CHARACTERS = 10_240
TAGS = 50
OBJECT_TAGS = 10
TAG_KEY, TAG_VALUE = 128, 256

SMALLER = "`compress: true` moves the commands of the steps to the datastore"

_STATE_MACHINE = re.compile(r"[0-9A-Za-z_.-]+")
_TAG = re.compile(r"[\w .:/=+@-]*")


def flow_problems(compiled: StepFunctionsCompiled, bound: Bound) -> Iterator[BindError]:
    """What AWS would refuse of the flow itself: names, sizes of definition, jobs and job definitions."""
    who = compiled.name
    yield from _name_problems(who)
    size = len(bound.definition_text)
    if size > DEFINITION_CHARACTERS:
        yield BindError(
            f"{who}: the state machine's definition has {size:,} characters for {len(compiled.flow.steps)} steps, "
            f"allowed are {DEFINITION_CHARACTERS:,}; {SMALLER}, or split the flow"
        )
    rule = compiled.step_functions.schedule
    if rule and len(rule.name) > RULE_NAME:
        yield BindError(
            f"{who}: the schedule's rule name {rule.name!r} has {len(rule.name)} characters, allowed are {RULE_NAME}"
        )
    if compiled.flow.schedule and (problem := cron_problem(compiled.flow.schedule.cron)):
        yield BindError(f"{who}: @schedule: {problem}")
    for parameters in submissions(bound.definition):
        yield from _job_problems(who, parameters)
    for step, properties in bound.job_definitions.items():
        size = len(canonical_json(properties).encode())
        if size > JOB_DEFINITION_BYTES:
            yield BindError(
                f"{who}: step {step!r}: its job definition has {size:,} bytes, "
                f"allowed are {JOB_DEFINITION_BYTES:,}; shorten what @batch adds (volumes, log options)"
            )


def policy_problems(who: str, kind: str, policy: Mapping[str, Any]) -> Iterator[BindError]:
    """What IAM would refuse of a role's inline policy; `kind`: what the role is for."""
    size = len("".join(canonical_json(policy).split()))
    if size > INLINE_POLICY_CHARACTERS:
        yield BindError(
            f"{who}: the policy of the role for {kind} has {size:,} characters, "
            f"allowed are {INLINE_POLICY_CHARACTERS:,}; name fewer secrets or queues in the flow, "
            "or give the platform a role of your own"
        )


def tag_problems(who: str, tags: Mapping[str, str], objects: bool) -> Iterator[BindError]:
    """What AWS would refuse of tags; `objects`: they also go to S3 objects, which take only ten."""
    most = OBJECT_TAGS if objects else TAGS
    if len(tags) > most:
        what = "an S3 object takes" if objects else "a resource takes"
        yield BindError(f"{who}: {len(tags)} tags with flowinfra's own, {what} at most {most}; give fewer aws_tags")
    for key, value in tags.items():
        if not key or len(key) > TAG_KEY or not _TAG.fullmatch(key) or key.lower().startswith("aws:"):
            yield BindError(
                f"{who}: aws_tags has the key {key!r}, allowed: 1 to {TAG_KEY} letters, digits, spaces and _.:/=+-@, "
                "not beginning with aws:"
            )
        if len(value) > TAG_VALUE or not _TAG.fullmatch(value):
            yield BindError(
                f"{who}: aws_tags.{key} is {value!r}, allowed: up to {TAG_VALUE} letters, digits, spaces and _.:/=+-@"
            )


def submissions(workflow: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The parameters of every state that submits a job, inner workflows included."""
    for state in workflow["States"].values():
        parameters = state.get("Parameters", {})
        if "JobDefinition" in parameters:
            yield parameters
        for key in ("Iterator", "ItemProcessor"):
            if key in state:
                yield from submissions(state[key])
        for branch in state.get("Branches", ()):
            yield from submissions(branch)


def _name_problems(name: str) -> Iterator[BindError]:
    if len(name) > STATE_MACHINE_NAME:
        yield BindError(
            f"{name}: the state machine's name has {len(name)} characters, allowed are {STATE_MACHINE_NAME}; "
            "set a shorter `name` or `name_prefix`"
        )
    if not _STATE_MACHINE.fullmatch(name):
        yield BindError(
            f"{name}: not a state machine's name, allowed are letters, digits, `_`, `-` and `.`; set another `name`"
        )


def _job_problems(who: str, parameters: Mapping[str, Any]) -> Iterator[BindError]:
    step = parameters["Parameters"]["step_name"]
    size = len(canonical_json(parameters["ContainerOverrides"]))
    if size > CONTAINER_OVERRIDES_CHARACTERS:
        yield BindError(
            f"{who}: step {step!r}: its container overrides (command and environment) have {size:,} characters, "
            f"allowed are {CONTAINER_OVERRIDES_CHARACTERS:,}; {SMALLER}, "
            "or shorten @environment, tags and parameter defaults"
        )
    size = len(canonical_json(parameters).encode())
    if size > SUBMIT_JOB_BYTES:
        yield BindError(
            f"{who}: step {step!r}: its job has {size:,} bytes, allowed are {SUBMIT_JOB_BYTES:,}; {SMALLER}"
        )
