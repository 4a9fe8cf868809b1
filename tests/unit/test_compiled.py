"""The CompiledFlow model: canonical JSON, and what reading it back restores."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from flowinfra.compiler import compile_flow
from flowinfra.model.compiled import CompiledFlow, topological
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from tests.unit.constructs import Construct


@pytest.fixture(scope="module")
def compiled() -> CompiledFlow:
    return compile_flow(Construct("foreach_in_split").request())


def test_json_is_canonical(compiled: CompiledFlow) -> None:
    text = compiled.to_json()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    assert StepFunctionsCompiled.model_validate_json(text).to_json() == text


def test_steps_are_in_the_order_in_which_they_run_also_when_read_back(compiled: CompiledFlow) -> None:
    order = ["start", "many", "one", "work", "collect", "join", "end"]
    assert list(compiled.flow.steps) == order
    assert list(StepFunctionsCompiled.model_validate_json(compiled.to_json()).flow.steps) == order


def test_order_follows_the_source_where_steps_are_independent() -> None:
    assert topological({"a": ("z", "b"), "b": ("j",), "z": ("j",), "j": ()}, "a") == ["a", "z", "b", "j"]


def test_order_of_a_loop_names_every_step_once() -> None:
    assert sorted(topological({"a": ("b",), "b": ("b", "c"), "c": ()}, "a")) == ["a", "b", "c"]


def test_a_step_that_does_not_exist_is_refused(compiled: CompiledFlow) -> None:
    data = json.loads(compiled.to_json())
    data["flow"]["steps"]["one"]["next"] = ["nowhere"]
    with pytest.raises(ValidationError, match="no step is called nowhere"):
        StepFunctionsCompiled.model_validate(data)


def test_unknown_keys_are_refused(compiled: CompiledFlow) -> None:
    with pytest.raises(ValidationError, match="surprise"):
        StepFunctionsCompiled.model_validate({**json.loads(compiled.to_json()), "surprise": 1})


def test_compiled_flow_is_immutable(compiled: CompiledFlow) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        compiled.flow.name = "Other"  # type: ignore[misc]
