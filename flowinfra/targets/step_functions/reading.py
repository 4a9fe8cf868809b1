"""What `step-functions create` sent → the Step Functions part of a CompiledFlow. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowinfra.compiler.recording import Reading, Recording, Task
from flowinfra.model.compiled import MARK, Schedule
from flowinfra.targets import mends
from flowinfra.targets.step_functions.compiled import JobDefinition, ScheduleRule, StepFunctionsTarget


def read(recording: Recording) -> Reading:
    """State machine, job definitions and schedule of a recording.

    Raises:
        CompileError, LookupError, TypeError, ValueError: Metaflow sent something else than what is known.
    """
    machine = recording.one("create_state_machine")
    sent = json.loads(machine["definition"])
    package_keys = _package_keys(sent)
    commands = {
        entry.key: mends.mend_command(entry.body.decode())
        for entry in recording.objects
        if entry.metadata and entry.key not in package_keys
    }
    steps_of: dict[str, str] = {}

    def mend(state: dict[str, Any]) -> dict[str, Any]:
        parameters = state.get("Parameters", {})
        if "JobDefinition" in parameters:
            step = parameters["Parameters"]["metaflow.step_name"]
            steps_of[parameters["JobDefinition"]] = step
            state = {**state, "Parameters": {**parameters, "JobDefinition": f"{MARK}job-definition-{step}"}}
        return mends.mend_state(state, recording.python)

    definition = _map_states(sent, mend)
    start = definition["States"][definition["StartAt"]]["Parameters"]["ContainerOverrides"]["Command"]
    if not any(map(mends.quotes_parameters, [*start, *commands.values()])):
        raise ValueError("its start step takes parameters in another way")
    registered = [call["arguments"] for call in recording.calls if call["operation"] == "register_job_definition"]
    job_definitions = {
        steps_of[f"{MARK}job-definition-{index}"]: JobDefinition(
            properties={key: value for key, value in arguments.items() if key != "jobDefinitionName"}
        )
        for index, arguments in enumerate(registered)
    }
    rule = _schedule_rule(recording)
    target = StepFunctionsTarget(
        state_machine=machine["name"],
        definition=definition,
        job_definitions=job_definitions,
        schedule=rule,
        log_history=machine["loggingConfiguration"]["level"] != "OFF",
    )
    return Reading(
        section=target.model_dump(mode="json"),
        package_keys=package_keys,
        compute="batch",
        tasks={
            state["Parameters"]["Parameters"]["metaflow.step_name"]: Task(
                attempts=int(state["Parameters"]["RetryStrategy"]["Attempts"]),
                timeout=int(state["Parameters"]["Timeout"]["AttemptDurationSeconds"]),
            )
            for state in submitting_states(definition)
        },
        schedule=None if rule is None else Schedule(cron=rule.expression.removeprefix("cron(").removesuffix(")")),
        workflow_timeout=definition.get("TimeoutSeconds"),
        commands=commands,
    )


def _package_keys(definition: Mapping[str, Any]) -> frozenset[str]:
    """Keys that the definition names as METAFLOW_CODE_URL."""
    return frozenset(
        entry["Value"].removeprefix(f"s3://{MARK}bucket/")
        for state in submitting_states(definition)
        for entry in state["Parameters"]["ContainerOverrides"]["Environment"]
        if entry["Name"] == "METAFLOW_CODE_URL"
    )


def _map_states(workflow: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Apply `change` to every state, inner workflows included."""
    states = {}
    for name, state in workflow["States"].items():
        for nested in ("Iterator", "ItemProcessor"):
            if nested in state:
                state = {**state, nested: _map_states(state[nested], change)}
        if "Branches" in state:
            state = {
                **state,
                "Branches": [_map_states(branch, change) for branch in state["Branches"]],
            }
        states[name] = change(state)
    return {**workflow, "States": states}


def submitting_states(workflow: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All states that submit a Batch job, inner workflows included."""
    for state in workflow["States"].values():
        if "JobDefinition" in state.get("Parameters", {}):
            yield state
        for nested in ("Iterator", "ItemProcessor"):
            if nested in state:
                yield from submitting_states(state[nested])
        for branch in state.get("Branches", ()):
            yield from submitting_states(branch)


def _schedule_rule(recording: Recording) -> ScheduleRule | None:
    if not recording.made("put_rule"):
        return None
    rule, targets = recording.one("put_rule"), recording.one("put_targets")
    return ScheduleRule(
        name=rule["Name"],
        expression=rule["ScheduleExpression"],
        description=rule["Description"],
        input=targets["Targets"][0]["Input"],
    )
