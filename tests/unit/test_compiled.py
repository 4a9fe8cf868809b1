"""The CompiledFlow model: canonical JSON, and what reading it back restores."""

from __future__ import annotations

import json
from itertools import permutations

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


@pytest.mark.parametrize(
    ("following", "order"),
    [
        ({"start": ("z",), "z": ("z", "y"), "y": ("x",), "x": ()}, ["start", "z", "y", "x"]),
        ({"start": ("z",), "z": ("m",), "m": ("y", "end"), "y": ("z",), "end": ()}, ["start", "z", "m", "y", "end"]),
        ({"start": ("end",), "end": ("start",), "z": ("y",), "y": ("z",)}, ["start", "end", "y", "z"]),
        ({"start": ("start", "b", "b"), "b": ("c", "start"), "c": ("b",)}, ["start", "b", "c"]),
    ],
    ids=["repeats itself", "way back", "not reached", "start again"],
)
def test_order_with_a_cycle_does_not_depend_on_how_the_steps_are_listed(
    following: dict[str, tuple[str, ...]], order: list[str]
) -> None:
    for names in permutations(following):
        assert topological({name: following[name] for name in names}, "start") == order


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
