"""AWS's limits are told at preview, with the step's name and what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import compile_flow
from flowinfra.model.base import canonical_json
from flowinfra.targets.step_functions import limits
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.plan import check
from tests.unit.components.compiled import SITE, compiled, for_step_functions, plan, site
from tests.unit.sources import STEPS, request, write_flow


def messages(flow: StepFunctionsCompiled, **changes: Any) -> list[str]:
    made = replace(plan("linear"), compiled=flow, **changes)
    return [str(error) for error in check(made, SITE)]


def altered(name: str, change: Any) -> StepFunctionsCompiled:
    document = compiled(name).model_dump(mode="json")
    change(document["step_functions"])
    return StepFunctionsCompiled.model_validate(document)


def padded_environment(length: int) -> StepFunctionsCompiled:
    """A flow whose start step has an environment variable of that length."""

    def change(target: dict[str, Any]) -> None:
        overrides = target["definition"]["States"]["start"]["Parameters"]["ContainerOverrides"]
        overrides["Environment"].append({"Name": "PAD", "Value": "x" * length})

    return altered("linear", change)


def test_a_flow_within_the_limits_has_no_problems() -> None:
    assert messages(compiled("linear")) == []


def test_state_machine_name() -> None:
    flow = altered("linear", lambda target: target.update(state_machine="x" * 81))
    assert messages(flow) == [
        f"{'x' * 81}: the state machine's name has 81 characters, allowed are 80; set a shorter `name` or `name_prefix`"
    ]
    assert messages(altered("linear", lambda target: target.update(state_machine="x" * 80))) == []
    assert "not a state machine's name" in messages(altered("linear", lambda t: t.update(state_machine="a b")))[0]


def test_container_overrides_to_the_character() -> None:
    bound = plan("linear").bound(SITE)
    size = len(canonical_json(bound.definition["States"]["start"]["Parameters"]["ContainerOverrides"]))
    entry = len(',{"Name":"PAD","Value":""}')
    room = limits.CONTAINER_OVERRIDES_CHARACTERS - size - entry
    assert messages(padded_environment(room)) == []
    (message,) = messages(padded_environment(room + 1))
    assert "step 'start': its container overrides (command and environment) have 8,193 characters" in message
    assert f"its largest variable is PAD, with {room + 1:,} characters: shorten its value" in message


@pytest.mark.parametrize("compress", [False, True])
def test_which_variable_is_large_is_told(compress: bool, tmp_path: Path) -> None:
    body = f"    words = Parameter('words', default={'x' * 9000!r})\n{STEPS}"
    flow = for_step_functions(compile_flow(request(write_flow(tmp_path, body=body), compress=compress)))
    (message,) = messages(flow)
    assert "step 'start': its container overrides (command and environment) have" in message
    assert "its largest variable is METAFLOW_DEFAULT_PARAMETERS, with 9,0" in message
    assert message.endswith("shorten the defaults of parameters, or read long ones from a file (IncludeFile)")


def test_job() -> None:
    found = messages(padded_environment(limits.SUBMIT_JOB_BYTES))
    assert [text for text in found if "its job has" in text and "allowed are 30,720" in text]


def test_definition() -> None:
    flow = altered("linear", lambda target: target["definition"].update(Comment="x" * limits.DEFINITION_CHARACTERS))
    (message,) = messages(flow)
    assert "the state machine's definition has 1,0" in message
    assert "allowed are 1,048,576" in message


def test_job_definition() -> None:
    def change(target: dict[str, Any]) -> None:
        container = target["job_definitions"]["start"]["properties"]["containerProperties"]
        container["environment"].append({"name": "PAD", "value": "x" * limits.JOB_DEFINITION_BYTES})

    (message,) = messages(altered("linear", change))
    assert "step 'start': its job definition has" in message
    assert "its largest variable is PAD, with 24,576 characters: shorten its value" in message


def test_a_job_definition_that_is_not_understood_is_not_deployed() -> None:
    def change(target: dict[str, Any]) -> None:
        target["job_definitions"]["start"]["properties"].update(nodeProperties={"numNodes": 2})

    assert (
        "step 'start': Metaflow registers a job definition with nodeProperties"
        in messages(altered("linear", change))[0]
    )


def test_policy_size() -> None:
    many = {f"queue-{index:04}" for index in range(200)}
    flow = compiled("linear")
    steps = {name: flow.flow.steps["end"].model_copy(update={"queue": name, "next": ()}) for name in sorted(many)}
    flow = flow.model_copy(update={"flow": flow.flow.model_copy(update={"steps": {**flow.flow.steps, **steps}})})
    (message,) = messages(flow)
    assert "the policy of the role for states" in message
    assert "allowed are 10,240" in message


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        (
            {f"k{index}": "v" for index in range(7)},
            "11 tags with flowinfra's own and `aws:defaultTags`, an S3 object takes at most 10",
        ),
        ({"aws:x": "v"}, "aws_tags has the key 'aws:x'"),
        ({"": "v"}, "aws_tags has the key ''"),
        ({"k" * 129: "v"}, "aws_tags has the key"),
        ({"k": "v" * 257}, "aws_tags.k is"),
        ({"k": "a;b"}, "aws_tags.k is 'a;b'"),
    ],
)
def test_tags(tags: dict[str, str], text: str) -> None:
    (message,) = messages(compiled("linear"), aws_tags=tags)
    assert text in message


def test_ordinary_tags_are_fine() -> None:
    assert messages(compiled("linear"), aws_tags={"cost center": "42 / ä", "team": ""}) == []


def test_names_are_within_their_limits_however_long_the_parts() -> None:
    names = replace(plan("linear").names, project="p" * 100, stack="s" * 100, flow="f" * 80)
    assert len(names.job("x" * 128)) <= 128
    assert all(len(names.role_prefix(kind)) <= 38 for kind in ("states", "jobs", "events", "execution"))
    assert len(names.log_group_prefix) <= 486


def test_every_problem_is_told_at_once() -> None:
    flow = altered("linear", lambda target: target.update(state_machine="x" * 81))
    found = messages(flow, aws_tags={"aws:x": "v"})
    assert len(found) == 2


def test_a_value_that_does_not_fit_is_told_before_limits() -> None:
    problems = check(plan("linear"), site(bucket="My Bucket"))
    assert [str(problem) for problem in problems] == [
        "LinearFlow: bucket is 'My Bucket', allowed: 3 to 63 lower-case letters, digits, dots and hyphens, "
        "beginning and ending with a letter or digit"
    ]
