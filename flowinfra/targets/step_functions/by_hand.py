"""What Metaflow's own `step-functions create` made, read back out of a state machine's definition. Pure.

Metaflow keeps nothing else of a deployment: owner and token stand in the start state, and what `create` was given in
the commands of the steps, in the Map states and in the definition itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowinfra.model.base import Json
from flowinfra.model.metaflow_names import name_digest
from flowinfra.targets.step_functions.states import submitting_states
from flowinfra.targets.task_command import NotMetaflowError, given, not_read_back, task_command

_OFFLOADED = re.compile(r'\.download_file\("(?P<bucket>[^"]+)", "(?P<key>[^"]+)", "/tmp/step_command\.sh"\)')
_OWN_DECORATORS = ("batch", "step_functions_internal")
"""Those that Metaflow puts on each step itself."""
_OWN_TAGS = "app"
_FOREACH = re.compile(r"\*\w+")


@dataclass(frozen=True)
class TaskSize:
    """What a step's job asks for."""

    cpu: float | None
    memory: float | None
    gpu: float | None
    attempts: int | None
    timeout: int | None


@dataclass(frozen=True)
class ByHand:
    """A deployment that was made by hand."""

    flow: str
    """Name of the flow's class."""
    owner: str
    token: str
    file: str | None
    """Name of the flow's file, without its folder; None where the command is not known."""
    metaflow: str
    """Version of Metaflow."""
    options: Mapping[str, Json] = field(default_factory=dict)
    """Key of a flow in a stack's file → what `create` was given; `step_functions` has those of the target. An option
    whose value is not known is left out."""
    queues: tuple[str, ...] = ()
    datastore: str | None = None
    service_url: str | None = None
    jobs: tuple[str, ...] = ()
    """ARNs of the job definitions."""
    sizes: Mapping[str, TaskSize] = field(default_factory=dict)
    """Step → what its job asks for."""
    unread: tuple[str, ...] = ()
    """What cannot be read back, in words."""


def owner_and_token(definition: str) -> tuple[str, str]:
    """Owner and production token of a definition, where Metaflow's own command looks for them.

    Raises:
        NotMetaflowError: it has none.
    """
    parameters = _start(_parsed(definition))["Parameters"]
    return str(parameters["metaflow.owner"]), str(parameters["metaflow.production_token"])


def offloaded(definition: str) -> tuple[str, str] | None:
    """Bucket and key of the start step's command where it is an object of the datastore (`compress`)."""
    found = _OFFLOADED.search(_command(_start(_parsed(definition))))
    return (found["bucket"], found["key"]) if found else None


def read_back(definition: str, offloaded_command: str | None = None) -> ByHand:
    """What a definition says of its deployment.

    Args:
        definition: of the state machine, as AWS has it.
        offloaded_command: text of the object that `offloaded` names; None where it cannot be read.

    Raises:
        NotMetaflowError: Metaflow did not make it.
    """
    parsed = _parsed(definition)
    start = _start(parsed)
    parameters, states = start["Parameters"], list(submitting_states(parsed))
    compressed = offloaded(definition) is not None
    task = task_command(offloaded_command if compressed else _command(start))
    environment = _environment(start)
    options: dict[str, Any] = {**given(task, _OWN_DECORATORS), **_of_definition(parsed)}
    options["step_functions"] = {
        **options.get("step_functions", {}),
        "compress": compressed,
        "batch_tags": _batch_tags([state["Parameters"] for state in states]),
    }
    unread = []
    if task is None:
        where = "the object of the datastore that holds it" if compressed else "the definition"
        unread.append(f"tags, namespace and decorators: the command of the start step is not readable in {where}")
    unread += not_read_back(environment, options)
    return ByHand(
        flow=str(parameters["metaflow.flow_name"]),
        owner=str(parameters["metaflow.owner"]),
        token=str(parameters["metaflow.production_token"]),
        file=task.file if task else None,
        metaflow=str(parameters.get("metaflow.version", "")),
        options=options,
        queues=tuple(dict.fromkeys(str(state["Parameters"].get("JobQueue")) for state in states)),
        datastore=environment.get("METAFLOW_DATASTORE_SYSROOT_S3"),
        service_url=environment.get("METAFLOW_SERVICE_URL"),
        jobs=tuple(dict.fromkeys(str(state["Parameters"].get("JobDefinition")) for state in states)),
        sizes={state["Parameters"]["Parameters"]["metaflow.step_name"]: _size(state["Parameters"]) for state in states},
        unread=tuple(unread),
    )


def rule_name(state_machine: str) -> str:
    """Name that Metaflow gives the rule of a state machine's schedule."""
    return shortened(state_machine)


def shortened(name: str) -> str:
    """A name with at most 64 characters, as Metaflow shortens that of a rule."""
    if len(name) <= 64:
        return name
    return f"{name[:47]}-{name_digest(name, 16)}"


def _parsed(definition: str) -> dict[str, Any]:
    try:
        found = json.loads(definition)
    except ValueError:
        raise NotMetaflowError from None
    if not isinstance(found, dict):
        raise NotMetaflowError
    return found


def _start(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the start step's job."""
    try:
        found: dict[str, Any] = definition["States"][definition["StartAt"]]["Parameters"]
        for name in ("flow_name", "owner", "production_token"):
            found["Parameters"][f"metaflow.{name}"]
    except (KeyError, TypeError):
        raise NotMetaflowError from None
    return found


def _command(job: Mapping[str, Any]) -> str:
    return " ".join(map(str, job.get("ContainerOverrides", {}).get("Command", ())))


def _environment(job: Mapping[str, Any]) -> dict[str, str]:
    entries = job.get("ContainerOverrides", {}).get("Environment", ())
    return {entry["Name"]: str(entry["Value"]) for entry in entries if "Value" in entry}


def _of_definition(definition: Mapping[str, Any]) -> dict[str, Json]:
    maps = list(_maps(definition))
    modes = {_inner(state).get("ProcessorConfig", {}).get("Mode") for state in maps}
    options: dict[str, Json] = {
        "workflow_timeout": definition.get("TimeoutSeconds"),
        "step_functions": {"distributed_map": "DISTRIBUTED" in modes},
    }
    if maps:
        options["max_workers"] = maps[0].get("MaxConcurrency")
    else:
        # nothing of a flow without a foreach depends on them
        options["step_functions"] = {}
    return options


def _maps(workflow: Mapping[str, Any]) -> Any:
    """The Map states of foreach steps, inner ones included."""
    for name, state in workflow.get("States", {}).items():
        if state.get("Type") == "Map" and _FOREACH.fullmatch(name):
            yield state
            yield from _maps(_inner(state))
        for branch in state.get("Branches", ()):
            yield from _maps(branch)


def _inner(state: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = state.get("ItemProcessor") or state.get("Iterator") or {}
    return found


def _batch_tags(jobs: list[dict[str, Any]]) -> dict[str, Json]:
    """Tags that all jobs have, without Metaflow's own."""
    own = [
        {key: value for key, value in job.get("Tags", {}).items() if key != _OWN_TAGS and "metaflow." not in key}
        for job in jobs
    ]
    return {key: value for key, value in own[0].items() if all(each.get(key) == value for each in own)} if own else {}


def _size(job: Mapping[str, Any]) -> TaskSize:
    asked = {
        entry["Type"]: float(entry["Value"])
        for entry in job.get("ContainerOverrides", {}).get("ResourceRequirements", ())
    }
    return TaskSize(
        cpu=asked.get("VCPU"),
        memory=asked.get("MEMORY"),
        gpu=asked.get("GPU"),
        attempts=job.get("RetryStrategy", {}).get("Attempts"),
        timeout=job.get("Timeout", {}).get("AttemptDurationSeconds"),
    )
