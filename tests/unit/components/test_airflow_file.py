"""The text of a DAG file, and the flow with a stack's identity in it."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from flowinfra.errors import BindError, Problems
from flowinfra.model.compiled import MARK
from flowinfra.targets.airflow.bound import bind
from flowinfra.targets.airflow.file import literal
from tests.unit.components.airflow import IDENTITY, airflow


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "it's",
        '"quoted"',
        'it\'s "both"',
        "back\\slash\\n and a\nnew line\t",
        "\\'",
        '\\"',
        "grün 漢字 🙂 \u2028 \x00",
        "{{ params }} {% raw %}",
    ],
)
def test_a_string_is_itself_again(value: str) -> None:
    text = literal(value)
    assert "\n" not in text
    assert ast.literal_eval(text) == value


def test_data_is_read_entry_by_entry() -> None:
    value: Any = {"b": [1, 2.5, None], "a": {"on": True, "off": False}, "empty": [{}, []]}
    text = literal(value)
    assert ast.literal_eval(text) == value
    assert text == (
        "{\n"
        '    "a": {\n        "off": False,\n        "on": True,\n    },\n'
        '    "b": [\n        1,\n        2.5,\n        None,\n    ],\n'
        '    "empty": [\n        {},\n        [],\n    ],\n'
        "}"
    )


def test_header_says_where_the_file_comes_from() -> None:
    compiled = airflow("linear")
    first, second, *_ = bind(compiled, IDENTITY).file.splitlines()
    assert first == f"# LinearFlow: the Metaflow flow LinearFlow of flow.py, version {compiled.digest[:12]}."
    assert second.startswith(f"# Made by flowinfra with Metaflow {compiled.metaflow}.")


def test_file_is_python_that_describes_the_dag_first() -> None:
    bound = bind(airflow("linear"), IDENTITY)
    [assigned] = [
        node
        for node in ast.parse(bound.file).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "CONFIG"
    ]
    assert ast.literal_eval(assigned.value) == bound.dag
    assert MARK not in bound.file
    arguments = bound.dag["states"]["add"]["operator_args"]
    assert (arguments["namespace"], arguments["service_account_name"]) == ("jobs", "runner")
    assert bound.deployment == '{"production_token": "a-token", "owner": "flowinfra"}'


def test_schedule_can_be_taken_away() -> None:
    compiled = airflow("schedule_daily")
    assert bind(compiled, IDENTITY).dag["dag_instantiation_params"]["schedule"] == "@daily"
    assert bind(compiled, IDENTITY, scheduled=False).dag["dag_instantiation_params"]["schedule"] is None


@pytest.mark.parametrize(
    ("declared", "value", "default", "kind"),
    [
        ("str", "words", "words", "string"),
        ("str", 7, "7", "string"),
        ("int", "7", 7, "integer"),
        ("float", "0.5", 0.5, "number"),
        ("bool", "True", True, ["boolean", "string"]),
        ("str", {"b": 1, "a": [2]}, '{"a":[2],"b":1}', "string"),
        ("JSON", {"b": 1, "a": [2]}, '{"a":[2],"b":1}', None),
    ],
)
def test_deploy_time_values_have_the_declared_type(declared: str, value: Any, default: Any, kind: Any) -> None:
    compiled = airflow("airflow_parameters")
    parameter = compiled.flow.parameters["made-late"].model_copy(update={"type": declared})
    flow = compiled.flow.model_copy(update={"parameters": {**compiled.flow.parameters, "made-late": parameter}})
    bound = bind(compiled.model_copy(update={"flow": flow}), IDENTITY, {"made-late": value})
    [entry] = [entry for entry in bound.dag["metaflow_params"] if entry["name"] == "made-late"]
    assert (entry["default"], entry.get("type")) == (default, kind)


def test_none_is_no_default() -> None:
    with pytest.raises(BindError, match="parameter 'made-late' is evaluated to None"):
        bind(airflow("airflow_parameters"), IDENTITY, {"made-late": None})


def test_values_have_a_grammar() -> None:
    with pytest.raises(Problems, match="kubernetes_namespace is 'My_Jobs', allowed: up to 63 lower-case"):
        bind(airflow("linear"), {**IDENTITY, "kubernetes-namespace": "My_Jobs", "service-account": "UPPER"})
