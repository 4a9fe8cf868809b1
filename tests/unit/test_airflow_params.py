"""A flow's parameters as Airflow checks them: JSON schema itself is the judge, as in airflow's Param."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.targets import shape_of
from flowinfra.targets.airflow.params import param
from tests.unit.sources import STEPS, write_flow


def takes(schema: dict[str, Any], value: Any) -> bool:
    """As Param.resolve does."""
    kept = {name: of for name, of in schema.items() if name not in ("name", "default", "description")}
    return bool(jsonschema.Draft202012Validator(kept).is_valid(value))


@pytest.mark.parametrize(
    ("declared", "default", "taken", "refused"),
    [
        ("type=float, default=1", 1, [0.5, 2, -1], ["a", True, None]),
        ("default=0.5", 0.5, [1, 0.25], ["a"]),
        ("type=int, default=1", 1, [2], [0.5, "a"]),
        ("type=bool, default=False", False, [True, False, "True"], [1, None]),
        ("default=True", True, [False], [0]),
        ("type=JSONType, default='{\"depth\": 2}'", '{"depth": 2}', ['{"depth": 3}', {"depth": 3}, [1], 5, None], []),
        ("type=str, default='5'", "5", ["6"], [6]),
        ("default='a'", "a", ["b"], [1]),
    ],
)
def test_the_type_is_the_declared_one(
    declared: str, default: Any, taken: list[Any], refused: list[Any], tmp_path: Path
) -> None:
    flow = write_flow(tmp_path, body=f"    alpha = Parameter('alpha', help='h', {declared})\n{STEPS}")
    compiled = compile_flow(CompileRequest(flow, "airflow")).model_dump(mode="json")
    [found] = compiled["airflow"]["dag"]["metaflow_params"]
    assert (found["name"], found["default"], found["description"]) == ("alpha", default, "h")
    assert takes(found, found["default"])
    assert [value for value in taken if not takes(found, value)] == []
    assert [value for value in refused if takes(found, value)] == []


def test_a_stacks_value_has_the_declared_type(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, body=f"    alpha = Parameter('alpha', type=float, default=0.5)\n{STEPS}")
    request = CompileRequest(flow, "airflow", shape_of("airflow", {"parameters": {"alpha": 2}}))
    compiled = compile_flow(request).model_dump(mode="json")
    assert compiled["airflow"]["dag"]["metaflow_params"] == [{"name": "alpha", "default": 2, "type": "number"}]


@pytest.mark.parametrize(
    ("kind", "default", "expected"),
    [
        ("float", "0.5", {"default": 0.5, "type": "number"}),
        ("int", "3", {"default": 3, "type": "integer"}),
        ("integer", 3.0, {"default": 3, "type": "integer"}),
        ("int", 3.5, {"default": 3.5, "type": "number"}),
        ("bool", "False", {"default": False, "type": ["boolean", "string"]}),
        ("bool", "yes", {"default": "yes", "type": ["boolean", "string"]}),
        ("JSON", {"a": [1]}, {"default": '{"a":[1]}'}),
        ("JSON", [1], {"default": "[1]"}),
        ("str", 7, {"default": "7", "type": "string"}),
        ("file", "{}", {"default": "{}", "type": "string"}),
        ("choice", "a", {"default": "a", "type": "string"}),
        ("float", "half", {"default": "half", "type": "string"}),
        ("str", ["a", "b"], {"default": ["a", "b"]}),
    ],
)
def test_a_default_fits_its_type(kind: str, default: Any, expected: dict[str, Any]) -> None:
    assert param(kind, default) == expected
    assert takes(expected, expected["default"])
