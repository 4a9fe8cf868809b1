"""A flow for Step Functions with a stack's identity in it: what is deployed, as data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flowinfra.components.binding import filled
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.compiled import rename_digests
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.states import State, with_submitting


@dataclass(frozen=True)
class Command:
    """A step's command that is an object of the datastore (`compress`)."""

    key: str
    """Key from the datastore's root on, by the digest of the bound text: stacks of one datastore do not share it."""
    text: str


@dataclass(frozen=True)
class Job:
    """A job definition."""

    name: str
    """By its content: what is called so is never anything else."""
    arguments: dict[str, Json]
    """Arguments of RegisterJobDefinition, without the name."""


@dataclass(frozen=True)
class Bound:
    """A compiled flow with a stack's identity in it."""

    definition: dict[str, Json]
    """Amazon States Language."""
    jobs: dict[str, Job]
    """First of its steps → job definition."""
    commands: dict[str, Command] = field(default_factory=dict)
    """Digest in the CompiledFlow → command that is kept in the datastore."""

    @property
    def definition_text(self) -> str:
        """The deployed definition as canonical JSON, so that equal definitions are equal text."""
        return canonical_json(self.definition)


def bind(
    compiled: StepFunctionsCompiled,
    identity: Mapping[str, str],
    job: Callable[[dict[str, Json]], Job],
    parameters: Mapping[str, Json] | None = None,
) -> Bound:
    """Put a stack's identity into a flow.

    Args:
        compiled: the flow.
        identity: placeholder name without its mark → value.
        job: makes the job definition of the bound arguments of one.
        parameters: deploy-time values.

    Raises:
        Problems: every value that is missing or breaks its grammar, and every stray placeholder.
    """
    document = filled(compiled, identity, parameters)
    target = document["step_functions"]
    commands, renamed = _commands(document["objects"])
    recorded = _renamed(target["job_definitions"], renamed)
    jobs = {key: job(entry["properties"]) for key, entry in recorded.items()}

    def refer(state: State) -> State:
        asked = state["Parameters"]
        return {**state, "Parameters": {**asked, "JobDefinition": jobs[asked["JobDefinition"]].name}}

    definition = _renamed(with_submitting(target["definition"], refer), renamed)
    _set_parameters(definition, parameters or {})
    return Bound(definition, jobs, commands)


def _commands(objects: Mapping[str, Mapping[str, Json]]) -> tuple[dict[str, Command], dict[str, str]]:
    """Bound commands by their compiled digest, and compiled digest → digest of the bound text."""
    commands: dict[str, Command] = {}
    renamed: dict[str, str] = {}
    for digest, entry in objects.items():
        if entry["text"] is not None:
            renamed[digest] = hashlib.sha1(entry["text"].encode(), usedforsecurity=False).hexdigest()
            commands[digest] = Command(rename_digests(entry["key"], {digest: renamed[digest]}), entry["text"])
    return commands, renamed


def _renamed(value: Json, renamed: Mapping[str, str]) -> Json:
    """`value` with commands' digests replaced in every string."""
    if not renamed:
        return value
    if isinstance(value, str):
        return rename_digests(value, renamed)
    if isinstance(value, dict):
        return {key: _renamed(item, renamed) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, renamed) for item in value]
    return value


def _set_parameters(definition: dict[str, Json], parameters: Mapping[str, Json]) -> None:
    """Set deploy-time values inside METAFLOW_DEFAULT_PARAMETERS: parsed and dumped, so that any value is safe."""
    if not parameters:
        return
    start = definition["States"][definition["StartAt"]]
    for variable in start["Parameters"]["ContainerOverrides"]["Environment"]:
        if variable["Name"] == "METAFLOW_DEFAULT_PARAMETERS":
            defaults = json.loads(variable["Value"])
            for name, value in parameters.items():
                defaults[name] = value
            variable["Value"] = canonical_json(defaults)
