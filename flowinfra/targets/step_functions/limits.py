"""AWS's limits, checked on the bound text before anything is sent: pure functions that yield what is over.

They run at preview with a stand-in where a value is not known yet, so that a deploy does not fail half-way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flowinfra.errors import BindError
from flowinfra.model.base import canonical_json
from flowinfra.targets.step_functions.bound import Bound
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.states import step_of, submitting_states

DEFINITION_CHARACTERS = 1_048_576
STATE_MACHINE_NAME = 80
STATE_NAME = 80
"""https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html"""
CONTAINER_OVERRIDES_CHARACTERS = 8_192
JOB_DEFINITION_BYTES = 24 * 1024
SUBMIT_JOB_BYTES = 30 * 1024
TAGS = 50
OBJECT_TAGS = 10
TAG_KEY, TAG_VALUE = 128, 256

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
            f"allowed are {DEFINITION_CHARACTERS:,}; split the flow, or shorten variables that only some steps have"
        )
    yield from _state_name_problems(who, bound.definition)
    for state in submitting_states(bound.definition):
        yield from _job_problems(who, step_of(state), state["Parameters"])
    for step, job in bound.jobs.items():
        size = len(canonical_json(job.arguments).encode())
        if size > JOB_DEFINITION_BYTES:
            variables = {each["name"]: each["value"] for each in job.arguments["containerProperties"]["environment"]}
            yield BindError(
                f"{who}: step {step!r}: its job definition has {size:,} bytes, "
                f"allowed are {JOB_DEFINITION_BYTES:,}; {_largest(variables)}"
            )


def tag_problems(who: str, tags: Mapping[str, str], objects: bool) -> Iterator[BindError]:
    """What AWS would refuse of tags; `objects`: they also go to S3 objects, which take only ten."""
    most = OBJECT_TAGS if objects else TAGS
    if len(tags) > most:
        what = "an S3 object takes" if objects else "a resource takes"
        yield BindError(
            f"{who}: {len(tags)} tags with flowinfra's own and `aws:defaultTags`, {what} at most {most}; "
            "give fewer aws_tags"
        )
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


def _state_name_problems(who: str, workflow: Mapping[str, Any]) -> Iterator[BindError]:
    """The step that a foreach goes to has more states, called `*step`, `#step`, `*step_*GetManifest` and so on."""
    longest: dict[str, str] = {}
    for name in _state_names(workflow):
        step = name.lstrip("*#").partition("_*")[0]
        longest[step] = max(longest.get(step, ""), name, key=len)
    for step, name in longest.items():
        if len(name) > STATE_NAME:
            state = "its state" if name == step else f"its state {name.replace(step, '<step>')!r}"
            yield BindError(
                f"{who}: step {step!r}: the name of {state} has {len(name)} characters, allowed are {STATE_NAME}; "
                f"give the step a name of at most {STATE_NAME - len(name) + len(step)}"
            )


def _state_names(workflow: Mapping[str, Any]) -> Iterator[str]:
    for name, state in workflow["States"].items():
        yield name
        for inner in (
            *(state[key] for key in ("Iterator", "ItemProcessor") if key in state),
            *state.get("Branches", ()),
        ):
            yield from _state_names(inner)


def _job_problems(who: str, step: str, parameters: Mapping[str, Any]) -> Iterator[BindError]:
    overrides = parameters["ContainerOverrides"]
    advice = _largest({entry["Name"]: str(entry.get("Value", "")) for entry in overrides["Environment"]})
    size = len(canonical_json(overrides))
    if size > CONTAINER_OVERRIDES_CHARACTERS:
        yield BindError(
            f"{who}: step {step!r}: its container overrides (command and environment) have {size:,} characters, "
            f"allowed are {CONTAINER_OVERRIDES_CHARACTERS:,}; {advice}"
        )
    size = len(canonical_json(parameters).encode())
    if size > SUBMIT_JOB_BYTES:
        yield BindError(f"{who}: step {step!r}: its job has {size:,} bytes, allowed are {SUBMIT_JOB_BYTES:,}; {advice}")


_SHORTEN = {
    "METAFLOW_DEFAULT_PARAMETERS": "shorten the defaults of parameters, or read long ones from a file (IncludeFile)",
    "METAFLOW_FLOW_CONFIG_VALUE": "shorten the flow's Configs",
}
"""Variable of Metaflow's → what makes it smaller."""


def _largest(variables: Mapping[str, str]) -> str:
    """The largest variable, and how it gets smaller."""
    name = max(variables, key=lambda name: len(variables[name]))
    how = _SHORTEN.get(name, "shorten its value, or have the step read it from S3")
    return f"its largest variable is {name}, with {len(variables[name]):,} characters: {how}"
