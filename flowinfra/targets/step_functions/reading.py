"""What `step-functions create` sent → the Step Functions part of a CompiledFlow. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flowinfra.compiler.recording import Reading, Recording, Task
from flowinfra.model.compiled import MARK, Schedule
from flowinfra.targets import mends
from flowinfra.targets.step_functions import triggers
from flowinfra.targets.step_functions.compiled import ScheduleRule, StepFunctionsTarget
from flowinfra.targets.step_functions.sharing import share
from flowinfra.targets.step_functions.states import step_of, submitting_states, with_submitting


def read(recording: Recording) -> Reading:
    """State machine, job definitions and schedule of a recording.

    Raises:
        CompileError, LookupError, TypeError, ValueError: Metaflow sent something else than what is known.
    """
    machine = recording.one("create_state_machine")
    sent = json.loads(machine["definition"])
    package_keys = _package_keys(sent)
    commands = {
        entry.key: mends.name_package(mends.mend_command(entry.body.decode()))
        for entry in recording.objects
        if entry.metadata and entry.key not in package_keys
    }
    registered = [call["arguments"] for call in recording.calls if call["operation"] == "register_job_definition"]
    jobs = {f"{MARK}job-definition-{index}": arguments for index, arguments in enumerate(registered)}
    definition = with_submitting(sent, lambda state: mends.mend_state(state, recording.python))
    start = definition["States"][definition["StartAt"]]["Parameters"]["ContainerOverrides"]["Command"]
    if not any(map(mends.quotes_parameters, [*start, *commands.values()])):
        raise ValueError("its start step takes parameters in another way")
    if recording.triggers:
        sets = any(trigger["parameters"] for trigger in recording.triggers)
        commands = {key: triggers.told_command(text, sets) for key, text in commands.items()}
        definition = with_submitting(definition, lambda state: triggers.told_state(state, sets))
    small, job_definitions = share(
        definition,
        {step_of(state): jobs[state["Parameters"]["JobDefinition"]] for state in submitting_states(definition)},
    )
    rule = _schedule_rule(recording)
    target = StepFunctionsTarget(
        state_machine=machine["name"],
        definition=small,
        job_definitions=job_definitions,
        schedule=rule,
        log_history=machine["loggingConfiguration"]["level"] != "OFF",
    )
    return Reading(
        section=target.model_dump(mode="json"),
        package_keys=package_keys,
        compute="batch",
        tasks={
            step_of(state): Task(
                attempts=int(state["Parameters"]["RetryStrategy"]["Attempts"]),
                timeout=int(state["Parameters"]["Timeout"]["AttemptDurationSeconds"]),
            )
            for state in submitting_states(definition)
        },
        schedule=None if rule is None else Schedule(cron=rule.expression.removeprefix("cron(").removesuffix(")")),
        workflow_timeout=definition.get("TimeoutSeconds"),
        commands=commands,
        packed=triggers.in_package() if recording.triggers else {},
    )


def _package_keys(definition: Mapping[str, Any]) -> frozenset[str]:
    """Keys that the definition names as METAFLOW_CODE_URL."""
    return frozenset(
        entry["Value"].removeprefix(f"s3://{MARK}bucket/")
        for state in submitting_states(definition)
        for entry in state["Parameters"]["ContainerOverrides"]["Environment"]
        if entry["Name"] == "METAFLOW_CODE_URL"
    )


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
