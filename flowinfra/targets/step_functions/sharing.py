"""What the steps of a flow have in common stands once, in job definitions; a state says what is its own. Pure.

Metaflow repeats in each state the command, some 25 variables, retries, time limit and resources, and registers a job
definition per step. Batch merges what a job is submitted with over its job definition: variables and parameters by
name, resources by type, all else as a whole (https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html).
So a job definition of a container holds what most of its steps have, and each state what it has otherwise.

The text of a task's command is in variables of the job definition, whose command puts them together again. The shell
then evaluates the very text that Metaflow wrote, and the task has none of these variables.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowinfra.model.base import Json, canonical_json
from flowinfra.targets.step_functions.compiled import JobDefinition
from flowinfra.targets.step_functions.states import step_of, submitting_states, with_submitting

TASK = "FLOWINFRA_TASK_"
"""Begins the names of the variables that a task's command is put together from; the flow may have none of them."""

COMMAND = (
    "bash",
    "-c",
    # `true &&`: as Metaflow's own command begins, for images whose entrypoint is `eval $@`
    f'true && eval "${TASK}SETUP${TASK}BEFORE${TASK}RUN${TASK}STEP${{{TASK}INPUT-$METAFLOW_INPUT_PATHS}}'
    f'${TASK}OPTIONS${TASK}END"',
)
"""Command of a job definition whose steps' commands are in variables."""

FORGET = f"unset ${{!{TASK}*}}; "
"""Begins the evaluated text: the task's process sees the variables that Metaflow gave it, and no other."""

READ_BACK_VARIABLES = frozenset({"METAFLOW_OWNER", "METAFLOW_PRODUCTION_TOKEN", "SFN_STATE_MACHINE"})
"""What Metaflow's `terminate` reads in the start state."""
READ_BACK_PARAMETERS = frozenset({"metaflow.owner", "metaflow.production_token"})
"""What Metaflow's `create`, `trigger` and `delete` read in the start state."""

_OF_A_STEP = frozenset({"METAFLOW_STEP_NAME", "METAFLOW_DEFAULT_PARAMETERS"})
"""Variables that stay in the state, even of the only step with a container."""
_OF_A_FLOW = ("metaflow.owner", "metaflow.version")
"""Parameters of jobs that are the same in a flow, and that Metaflow never reads from a job."""

_BEGIN, _END, _INPUTS = " && flush_mflogs && (", ") 1>> >(", " --input-paths "
_KEPT = re.compile(
    r'(?P<SETUP>.*download_file\("[^"]+", ")(?P<INPUT>[^"]+)(?P<END>", "/tmp/step_command\.sh"\).*)', re.S
)
"""A command that runs what the datastore has (`compress`)."""


def share(
    definition: Mapping[str, Json], registered: Mapping[str, Mapping[str, Json]]
) -> tuple[dict[str, Json], dict[str, JobDefinition]]:
    """Move what steps share to one job definition for each distinct container.

    Args:
        definition: of the state machine, mended.
        registered: step → arguments of the RegisterJobDefinition that Metaflow made for it.

    Returns:
        The definition, in which `Parameters.JobDefinition` is a key of the second value; and the job definitions,
        each under the name of the first of its steps: the start step, then by name.
    """
    states = {step_of(state): state for state in submitting_states(definition)}
    start = step_of(definition["States"][definition["StartAt"]])
    tasks = {step: _Task(step, state, registered[step], is_start=step == start) for step, state in states.items()}
    if all(task.in_parts for task in tasks.values()):
        for task in tasks.values():
            task.take_apart()
    containers: dict[str, list[_Task]] = {}
    for step in sorted(tasks, key=lambda step: (step != start, step)):
        containers.setdefault(tasks[step].container, []).append(tasks[step])
    definitions: dict[str, JobDefinition] = {}
    own: dict[str, dict[str, Json]] = {}
    for steps in containers.values():
        key = steps[0].step
        shared = _Shared(steps)
        definitions[key] = JobDefinition(steps=tuple(task.step for task in steps), properties=shared.properties())
        own |= {task.step: shared.state(task, key) for task in steps}
    return with_submitting(definition, lambda state: own[step_of(state)]), definitions


class _Task:
    """What a step's job is submitted with."""

    def __init__(self, step: str, state: Mapping[str, Any], registered: Mapping[str, Json], is_start: bool) -> None:
        self.step, self.state, self.registered, self.is_start = step, state, registered, is_start
        parameters = state["Parameters"]
        overrides = parameters["ContainerOverrides"]
        self.command: Sequence[str] = overrides["Command"]
        self.environment: dict[str, dict[str, str]] = {entry["Name"]: entry for entry in overrides["Environment"]}
        self.resources: list[dict[str, str]] = overrides.get("ResourceRequirements", [])
        self.parameters: dict[str, str] = parameters["Parameters"]
        self._texts = _texts(self.command, self.environment.get("METAFLOW_INPUT_PATHS", {}).get("Value"))

    @property
    def in_parts(self) -> bool:
        """Whether the command is written in the way that can be taken apart."""
        return self._texts is not None

    def take_apart(self) -> None:
        """Turn the command into variables."""
        self.command = COMMAND
        texts = {TASK + name: text for name, text in (self._texts or {}).items()}
        self.environment |= {name: {"Name": name, "Value": text} for name, text in texts.items()}

    @property
    def container(self) -> str:
        """What a job cannot change when it is submitted: steps with the same have one job definition."""
        properties = dict(self.registered["containerProperties"])
        # a job can ask for more or less of something, but not for none of it
        properties["resourceRequirements"] = sorted(each["Type"] for each in self.resources)
        return canonical_json({**self.registered, "containerProperties": properties, "jobDefinitionName": ""})


class _Shared:
    """What most steps of a container have."""

    def __init__(self, tasks: Sequence[_Task]) -> None:
        self._tasks = tasks
        self.command = _commonest(task.command for task in tasks)
        self.resources = _commonest(task.resources for task in tasks)
        self.retries = _commonest(task.state["Parameters"].get("RetryStrategy") for task in tasks)
        self.timeout = _commonest(task.state["Parameters"].get("Timeout") for task in tasks)
        self.environment = dict(self._constants())
        first = tasks[0].parameters
        self.parameters = {
            name: first[name]
            for name in _OF_A_FLOW
            if all(task.parameters.get(name) == first.get(name) is not None for task in tasks)
        }

    def _constants(self) -> Iterable[tuple[str, str]]:
        names = set.intersection(*(set(task.environment) for task in self._tasks)) - _OF_A_STEP
        for name in sorted(names):
            values = [task.environment[name].get("Value") for task in self._tasks]
            value = _commonest(values)
            # Batch drops variables without a value
            if all(values) and (values.count(value) > 1 or len(values) == 1):
                yield name, value

    def properties(self) -> dict[str, Json]:
        """Arguments of RegisterJobDefinition, without a name."""
        registered = {key: value for key, value in self._tasks[0].registered.items() if key != "jobDefinitionName"}
        container = {
            **registered["containerProperties"],
            "command": list(self.command),
            "environment": [{"name": name, "value": value} for name, value in self.environment.items()],
        }
        if self.resources:
            container["resourceRequirements"] = [
                {"type": each["Type"], "value": each["Value"]} for each in self.resources
            ]
        properties = {**registered, "containerProperties": container, "parameters": self.parameters}
        if self.retries:
            properties["retryStrategy"] = {"attempts": self.retries["Attempts"]}
        if self.timeout:
            properties["timeout"] = {"attemptDurationSeconds": self.timeout["AttemptDurationSeconds"]}
        return properties

    def state(self, task: _Task, key: str) -> dict[str, Json]:
        """The state of a step, with what it has otherwise."""
        kept_variables = READ_BACK_VARIABLES if task.is_start else frozenset()
        kept_parameters = READ_BACK_PARAMETERS if task.is_start else frozenset()
        environment = [
            entry
            for name, entry in sorted(task.environment.items())
            if name in kept_variables or entry.get("Value") is None or entry["Value"] != self.environment.get(name)
        ]
        parameters = {
            **task.state["Parameters"],
            "JobDefinition": key,
            "ContainerOverrides": {**task.state["Parameters"]["ContainerOverrides"], "Environment": environment},
            "Parameters": {
                name: value
                for name, value in task.parameters.items()
                if name in kept_parameters or name not in self.parameters
            },
        }
        overrides = parameters["ContainerOverrides"]
        if task.command == self.command:
            del overrides["Command"]
        if task.resources and task.resources == self.resources:
            del overrides["ResourceRequirements"]
        for name, shared in (("RetryStrategy", self.retries), ("Timeout", self.timeout)):
            if name in parameters and parameters[name] == shared:
                del parameters[name]
        return {**task.state, "Parameters": parameters}


def _texts(command: Sequence[str], inputs: str | None) -> dict[str, str] | None:
    """The parts of a task's command that are not empty, by their names; None if Metaflow writes it in another way."""
    if len(command) != 3 or list(command[:2]) != ["bash", "-c"]:
        return None
    if kept := _KEPT.fullmatch(command[2]):
        return {**kept.groupdict(), "SETUP": FORGET + kept["SETUP"]}
    setup, begun, rest = command[2].partition(_BEGIN)
    body, ended, logs = rest.rpartition(_END)
    before, named, after = body.rpartition(" step $METAFLOW_STEP_NAME --run-id ")
    options, has_inputs, given = after.partition(_INPUTS)
    if not (begun and ended and named and has_inputs):
        return None
    at = before.rfind(" && ")
    before, run = (before[: at + 4], before[at + 4 :]) if at >= 0 else ("", before)
    paths, space, last = given.partition(" ")
    texts = {
        "SETUP": FORGET + setup + begun,
        "BEFORE": before,
        "RUN": run,
        "STEP": named + options + has_inputs,
        "INPUT": "" if paths == inputs else paths,
        "OPTIONS": space + last,
        "END": ended + logs,
    }
    return {name: text for name, text in texts.items() if text}


def _commonest(values: Iterable[Any]) -> Any:
    """The value that is there most often, of several the first; None where one has none."""
    found = list(values)
    if None in found:
        return None
    counts = Counter(map(canonical_json, found))
    return max(found, key=lambda value: counts[canonical_json(value)])
