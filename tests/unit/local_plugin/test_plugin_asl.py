from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.local.plugin.asl import diagnose
from tests.unit.golden import compiled, constructs_of, document

CONSTRUCTS = constructs_of("step-functions")
END = {"Type": "Succeed"}


def codes(**states: Any) -> list[tuple[str, str]]:
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    return [(diagnostic.code, diagnostic.location) for diagnostic in diagnose(definition)]


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_metaflows_own_definitions_are_right(name: str) -> None:
    definition = document(compiled(name))["step_functions"]["definition"]
    assert diagnose(json.dumps(definition)) == []


def test_there_are_definitions_of_metaflow() -> None:
    assert len(CONSTRUCTS) > 20


@pytest.mark.parametrize(
    "states",
    [
        {"a": {"Type": "Pass", "Next": "b"}, "b": END},
        {"a": {"Type": "Wait", "Seconds": 1, "End": True}},
        {
            "a": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "b"}], "Default": "c"},
            "b": END,
            "c": {"Type": "Fail", "Error": "E", "Cause": "C"},
        },
        {
            "a": {
                "Type": "Task",
                "Resource": "arn:aws:states:::batch:submitJob.sync",
                "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "b"}],
                "End": True,
            },
            "b": END,
        },
        {"a": {"Type": "Map", "Iterator": {"StartAt": "i", "States": {"i": END}}, "End": True}},
        {"a": {"Type": "Parallel", "Branches": [{"StartAt": "i", "States": {"i": END}}], "End": True}},
        {"a": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $x %}", "End": True}},
    ],
)
def test_right(states: dict[str, Any]) -> None:
    assert codes(**states) == []


@pytest.mark.parametrize(
    ("states", "code", "location"),
    [
        ({"a": {"Type": "Pass", "Next": "b"}}, "MISSING_TRANSITION_TARGET", "/States/a/Next"),
        ({"a": END, "b": END}, "MISSING_TRANSITION_TARGET", "/States/b"),
        ({"a": {"Type": "Task", "End": True}}, "SCHEMA_VALIDATION_FAILED", "/States/a"),
        ({"a": {"Type": "Pass"}}, "SCHEMA_VALIDATION_FAILED", "/States/a"),
        ({"a": {"Type": "Pas", "End": True}}, "SCHEMA_VALIDATION_FAILED", "/States/a/Type"),
        ({"a": {"Type": "Pass", "End": True, "Ende": 1}}, "SCHEMA_VALIDATION_FAILED", "/States/a/Ende"),
        ({"a": {"Type": "Choice", "Choices": []}}, "SCHEMA_VALIDATION_FAILED", "/States/a"),
        ({"a": {"Type": "Wait", "End": True}}, "SCHEMA_VALIDATION_FAILED", "/States/a"),
        ({"a": {"Type": "Parallel", "Branches": [], "End": True}}, "SCHEMA_VALIDATION_FAILED", "/States/a"),
        ({"a": {"Type": "Map", "End": True}}, "SCHEMA_VALIDATION_FAILED", "/States/a/Iterator"),
        (
            {"a": {"Type": "Map", "End": True, "Iterator": {"StartAt": "x", "States": {"i": END}}}},
            "MISSING_TRANSITION_TARGET",
            "/States/a/Iterator/StartAt",
        ),
        (
            {"a": {"Type": "Task", "Resource": "r", "End": True, "Retry": [{}]}},
            "SCHEMA_VALIDATION_FAILED",
            "/States/a/Retry[0]",
        ),
        ({"a" * 81: END}, "SCHEMA_VALIDATION_FAILED", "/States/" + "a" * 81),
    ],
)
def test_wrong(states: dict[str, Any], code: str, location: str) -> None:
    assert (code, location) in codes(**states)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("{", "ERROR (INVALID_JSON_DESCRIPTION): Definition is not valid JSON"),
        ("[]", "ERROR (SCHEMA_VALIDATION_FAILED): Value is not a valid state machine object at /"),
        ("{}", "ERROR (SCHEMA_VALIDATION_FAILED): The field 'States' should have at least one state at /States"),
        (
            '{"States": {"a": {"Type": "Succeed"}}}',
            "ERROR (SCHEMA_VALIDATION_FAILED): The field 'StartAt' is required at /StartAt",
        ),
    ],
)
def test_not_a_state_machine(definition: str, message: str) -> None:
    assert str(diagnose(definition)[0]).startswith(message)


def test_a_missing_target_reads_as_with_aws() -> None:
    [found] = diagnose(json.dumps({"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "b"}}}))
    assert str(found) == "ERROR (MISSING_TRANSITION_TARGET): Missing 'Next' target: b at /States/a/Next"
