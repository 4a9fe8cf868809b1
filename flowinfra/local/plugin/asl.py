"""Whether a text is a state machine: the part of Step Functions' ValidateStateMachineDefinition that is certain.

Codes and wordings are the service's own. Everything refused here is refused by AWS; what needs its knowledge of
paths, intrinsic functions or service integrations is left to it. The language: https://states-language.net/spec.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 80

_ANY = frozenset({"Type", "Comment", "QueryLanguage", "InputPath", "OutputPath", "Output", "Assign"})
_FLOWS = frozenset({"Next", "End"})
_RESULTS = frozenset({"Parameters", "Arguments", "ResultSelector", "ResultPath", "Retry", "Catch"})
_FIELDS: dict[str, frozenset[str]] = {
    "Task": _ANY
    | _FLOWS
    | _RESULTS
    | {"Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath", "Credentials"},
    "Pass": _ANY | _FLOWS | {"Result", "ResultPath", "Parameters"},
    "Wait": _ANY | _FLOWS | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Choice": _ANY | {"Choices", "Default"},
    "Succeed": _ANY,
    "Fail": frozenset({"Type", "Comment", "QueryLanguage", "Error", "ErrorPath", "Cause", "CausePath", "Assign"}),
    "Parallel": _ANY | _FLOWS | _RESULTS | {"Branches"},
    "Map": _ANY
    | _FLOWS
    | _RESULTS
    | {
        "Iterator", "ItemProcessor", "ItemsPath", "Items", "ItemSelector", "ItemReader", "ItemBatcher",
        "ResultWriter", "MaxConcurrency", "MaxConcurrencyPath", "ToleratedFailureCount", "ToleratedFailureCountPath",
        "ToleratedFailurePercentage", "ToleratedFailurePercentagePath", "Label",
    },
}  # fmt: skip
_MACHINE = frozenset({"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage", "ProcessorConfig"})
_WAITS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")


@dataclass(frozen=True)
class Diagnostic:
    """One reason why Step Functions would refuse."""

    code: str
    message: str
    location: str = ""

    def __str__(self) -> str:
        """The text that pulumi-aws shows."""
        where = f" at {self.location}" if self.location else ""
        return f"ERROR ({self.code}): {self.message}{where}"


def diagnose(definition: str) -> list[Diagnostic]:
    """All that is surely wrong with a definition."""
    try:
        machine = json.loads(definition)
    except ValueError as error:
        return [Diagnostic("INVALID_JSON_DESCRIPTION", f"Definition is not valid JSON: {error}")]
    if not isinstance(machine, dict):
        return [Diagnostic("SCHEMA_VALIDATION_FAILED", "Value is not a valid state machine object", "/")]
    return list(_machine(machine, ""))


def _schema(message: str, location: str) -> Diagnostic:
    return Diagnostic("SCHEMA_VALIDATION_FAILED", message, location)


def _machine(machine: Mapping[str, Any], path: str) -> Iterator[Diagnostic]:
    for name in sorted(set(machine) - _MACHINE):
        yield _schema(f"Field '{name}' is not supported", f"{path}/{name}")
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        yield _schema("The field 'States' should have at least one state", f"{path}/States")
        return
    start = machine.get("StartAt")
    if not isinstance(start, str):
        yield _schema("The field 'StartAt' is required", f"{path}/StartAt")
    elif start not in states:
        yield Diagnostic("MISSING_TRANSITION_TARGET", f"Missing 'StartAt' target: {start}", f"{path}/StartAt")
    reached = {start}
    for name, state in states.items():
        place = f"{path}/States/{name}"
        if len(name) > LONGEST_NAME:
            yield _schema(f"State name must be at most {LONGEST_NAME} characters", place)
        if not isinstance(state, dict) or state.get("Type") not in _FIELDS:
            found = state.get("Type") if isinstance(state, dict) else state
            yield _schema(f"Value {found!r} is not a valid state type", f"{place}/Type")
            continue
        for field, target in _transitions(state):
            reached.add(target)
            if target not in states:
                yield Diagnostic("MISSING_TRANSITION_TARGET", f"Missing '{field}' target: {target}", f"{place}/{field}")
        yield from _state(state, place)
    for name in states:
        if name not in reached:
            yield Diagnostic("MISSING_TRANSITION_TARGET", f'State "{name}" is not reachable.', f"{path}/States/{name}")


def _transitions(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in ("Next", "Default"):
        if isinstance(state.get(field), str):
            yield field, state[field]
    for field in ("Choices", "Catch"):
        for rule in _list(state.get(field)):
            if isinstance(rule, dict) and isinstance(rule.get("Next"), str):
                yield "Next", rule["Next"]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _state(state: Mapping[str, Any], place: str) -> Iterator[Diagnostic]:
    kind = state["Type"]
    for name in sorted(set(state) - _FIELDS[kind]):
        yield _schema(f"Field '{name}' is not supported", f"{place}/{name}")
    if _FIELDS[kind] >= _FLOWS and ("Next" in state) == (state.get("End") is True):
        yield _schema("These fields are required: exactly one of [Next, End]", place)
    for field in ("Retry", "Catch"):
        for index, rule in enumerate(_list(state.get(field))):
            if not isinstance(rule, dict) or not _list(rule.get("ErrorEquals")):
                yield _schema("The field 'ErrorEquals' is required", f"{place}/{field}[{index}]")
            elif field == "Catch" and not isinstance(rule.get("Next"), str):
                yield _schema("The field 'Next' is required", f"{place}/{field}[{index}]")
    if kind == "Task" and not isinstance(state.get("Resource"), str):
        yield _schema("The field 'Resource' is required", place)
    if kind == "Wait" and sum(field in state for field in _WAITS) != 1:
        yield _schema(f"Exactly one of these fields is required: {', '.join(_WAITS)}", place)
    if kind == "Choice":
        yield from _choice(state, place)
    if kind == "Parallel":
        branches = _list(state.get("Branches"))
        if not branches:
            yield _schema("The field 'Branches' should have at least one branch", place)
        for index, branch in enumerate(branches):
            yield from _nested(branch, f"{place}/Branches[{index}]")
    if kind == "Map":
        field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
        yield from _nested(state.get(field), f"{place}/{field}")


def _choice(state: Mapping[str, Any], place: str) -> Iterator[Diagnostic]:
    choices = _list(state.get("Choices"))
    if not choices:
        yield _schema("The field 'Choices' should have at least one choice", place)
    for index, choice in enumerate(choices):
        if not isinstance(choice, dict) or not isinstance(choice.get("Next"), str):
            yield _schema("The field 'Next' is required", f"{place}/Choices[{index}]")


def _nested(machine: Any, place: str) -> Iterator[Diagnostic]:
    if isinstance(machine, dict):
        yield from _machine(machine, place)
    else:
        yield _schema("Value is not a valid state machine object", place)
