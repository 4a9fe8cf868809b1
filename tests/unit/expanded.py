"""Jobs as Batch makes them: a definition with what its states leave to their job definitions put back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowinfra.targets.step_functions.compiled import StepFunctionsTarget
from flowinfra.targets.step_functions.sharing import COMMAND, FORGET, TASK
from flowinfra.targets.step_functions.states import State, submitting_states, with_submitting

Json = Any

_ORDER = ("SETUP", "BEFORE", "RUN", "STEP", "INPUT", "OPTIONS", "END")


def expanded(definition: Mapping[str, Json], jobs: Mapping[str, Mapping[str, Json]]) -> dict[str, Json]:
    """A definition whose states have all that their jobs have; `jobs`: what states refer to → arguments of it."""
    return with_submitting(definition, lambda state: _merged(state, jobs[state["Parameters"]["JobDefinition"]]))


def expanded_target(target: StepFunctionsTarget) -> dict[str, Json]:
    """The definition of a compiled flow."""
    return expanded(target.definition, {key: job.properties for key, job in target.job_definitions.items()})


def merged_environment(state: State, job: Mapping[str, Json]) -> list[dict[str, str]]:
    """Variables of a state's job."""
    container, overrides = job["containerProperties"], state["Parameters"]["ContainerOverrides"]
    variables = {each["name"]: {"Name": each["name"], "Value": each["value"]} for each in container["environment"]}
    return list({**variables, **{each["Name"]: each for each in overrides["Environment"]}}.values())


def step_commands(target: StepFunctionsTarget) -> dict[str, str]:
    """Step → the text that its task's shell evaluates."""
    return {
        state["Parameters"]["Parameters"]["metaflow.step_name"]: state["Parameters"]["ContainerOverrides"]["Command"][
            -1
        ]
        for state in submitting_states(expanded_target(target))
    }


def _merged(state: State, job: Mapping[str, Json]) -> State:
    parameters, container = state["Parameters"], job["containerProperties"]
    overrides = parameters["ContainerOverrides"]
    variables = {each["Name"]: each for each in merged_environment(state, job)}
    texts = {name: variables.pop(TASK + name)["Value"] for name in _ORDER if TASK + name in variables}
    command = overrides.get("Command", container["command"])
    if tuple(command) == COMMAND:
        texts.setdefault("INPUT", variables.get("METAFLOW_INPUT_PATHS", {}).get("Value", ""))
        text = "".join(texts.get(name, "") for name in _ORDER)
        assert text.startswith(FORGET)
        command = ["bash", "-c", text.removeprefix(FORGET)]
    resources = {each["type"]: each["value"] for each in container.get("resourceRequirements", ())}
    resources |= {each["Type"]: each["Value"] for each in overrides.get("ResourceRequirements", ())}
    merged = {
        "RetryStrategy": {"Attempts": job["retryStrategy"]["attempts"]},
        "Timeout": {"AttemptDurationSeconds": job["timeout"]["attemptDurationSeconds"]},
        **parameters,
        "Parameters": {**job["parameters"], **parameters["Parameters"]},
        "ContainerOverrides": {
            **overrides,
            "Command": list(command),
            "Environment": [variables[name] for name in sorted(variables)],
            "ResourceRequirements": [{"Type": kind, "Value": value} for kind, value in resources.items()],
        },
    }
    return {**state, "Parameters": merged}
