from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.errors import FlowInfraError, TriggerError
from flowinfra.operate.runs.machines import Machine, datastore, execution_input, read
from flowinfra.operate.runs.parameters import Takes, checked, of_definition, of_inputs, parse, unsure

INPUTS = {
    "parameters": {
        "alpha": {"type": "float", "default": 0.1},
        "n": {"type": "int", "default": 1},
        "on": {"type": "bool", "default": True},
        "my-word": {"type": "str"},
        "tree": {"type": "JSON"},
        "data": {"type": "file"},
    }
}
TAKES = of_inputs("Flow", INPUTS)
NEEDS = of_inputs("Flow", {"parameters": {"day": {"type": "str", "required": True}, "n": {"type": "int"}}})


def definition(**environment: str) -> dict[str, object]:
    variables = [{"Name": name, "Value": value} for name, value in environment.items()]
    start = {
        "Type": "Task",
        "Parameters": {
            "JobDefinition": "job:3",
            "Parameters": {"metaflow.flow_name": "Flow"},
            "ContainerOverrides": {"Environment": variables},
        },
    }
    return {"StartAt": "start", "States": {"start": start}}


FLOW = read("p.prod.Flow", "arn", definition(METAFLOW_DEFAULT_PARAMETERS='{"n": 1, "on": true, "my-word": "a"}'))
FOREIGN = Machine("Foreign", "arn", None, None, None, None)


def values(takes: Takes, given: dict[str, str]) -> dict[str, Any]:
    return checked(takes, given)


def test_what_a_definition_tells() -> None:
    assert (FLOW.flow, FLOW.defaults) == ("Flow", {"n": 1, "on": True, "my-word": "a"})
    assert read("Bare", "arn", definition()).defaults is None
    bare = read("x", "arn", {"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}})
    assert (bare.flow, bare.is_flow) == (None, False)


class Batch:
    """Answers DescribeJobDefinitions."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def describe_job_definitions(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        variables = [{"name": "METAFLOW_DATASTORE_SYSROOT_S3", "value": "s3://own/prefix"}]
        return {"jobDefinitions": [{"containerProperties": {"environment": variables}}]}


def test_the_datastore_stands_in_the_state_or_in_its_job_definition() -> None:
    batch = Batch()
    there = read("x", "arn", definition(METAFLOW_DATASTORE_SYSROOT_S3="s3://a/b"))
    assert (datastore(batch, there), batch.asked) == ("s3://a/b", [])
    assert datastore(batch, FLOW) == "s3://own/prefix"
    assert batch.asked == [{"jobDefinitions": ["job:3"]}]
    assert datastore(batch, FOREIGN) is None


def test_parameters_of_the_command_line() -> None:
    assert parse(["--a", "1", "--b=2=3", "--c", "--d"]) == {"a": "1", "b": "2=3", "c": "--d"}


@pytest.mark.parametrize("words", [["a"], ["--a"], ["--a", "1", "--a=2"], ["--"]])
def test_what_is_no_parameter(words: list[str]) -> None:
    with pytest.raises(TriggerError):
        parse(words)


def test_values_have_the_type_that_the_flow_declares() -> None:
    given = {"ALPHA": "0.5", "n": "7", "on": "no", "my_word": '$(id) "é"', "tree": '{"a":[1]}'}
    assert values(TAKES, given) == {
        "alpha": 0.5,
        "n": 7,
        "on": False,
        "my-word": '$(id) "é"',
        "tree": '{"a": [1]}',
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("alpha", "x", "--alpha is a number, not 'x'"),
        ("n", "1.5", "--n is a whole number, not '1.5'"),
        ("on", "maybe", "--on is true or false, not 'maybe'"),
        ("tree", "{", "--tree is JSON, and '{' is not"),
        ("data", "none.csv", "parameter --data is a file, and none.csv cannot be read"),
    ],
)
def test_values_that_do_not_fit(name: str, value: str, said: str) -> None:
    with pytest.raises(TriggerError) as raised:
        values(TAKES, {name: value})
    assert said in str(raised.value)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(TriggerError) as raised:
        values(TAKES, {"alhpa": "1"})
    assert str(raised.value) == (
        "Flow has no parameter --alhpa (did you mean --alpha?); it takes: --alpha, --n, --on, --my-word, --tree, --data"
    )
    with pytest.raises(TriggerError, match="Flow has no parameters, but --a is given"):
        values(of_inputs("Flow", {}), {"a": "1"})


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(FlowInfraError) as raised:
        values(NEEDS, {"n": "x", "other": "1"})
    assert [str(error).partition(":")[0] for error in raised.value.errors] == [
        "parameter --n is a whole number, not 'x'",
        "Flow has no parameter --other; it takes",
        "Flow needs --day, which has no default",
    ]
    with pytest.raises(TriggerError, match="given twice"):
        values(TAKES, {"my-word": "a", "my_word": "b"})


def test_a_definition_alone_names_parameters_with_a_default() -> None:
    takes = of_definition(FLOW)
    given = {"n": "2", "other": "x"}
    assert values(takes, given) == {"n": 2, "other": "x"}
    assert unsure(takes, given) == ["other"]
    assert unsure(TAKES, given) == []
    assert unsure(of_inputs("Flow", {"parameters": "[secret]"}), {"n": "1"}) == ["n"]


def test_input_of_an_execution() -> None:
    assert json.loads(execution_input(FLOW, {})) == {"Parameters": "{}"}
    assert json.loads(json.loads(execution_input(FLOW, {"n": 2}))["Parameters"]) == {"n": 2}
    assert json.loads(execution_input(FOREIGN, {"a": "1"})) == {"a": "1"}
    with pytest.raises(TriggerError, match="20480"):
        execution_input(FLOW, {"my-word": "x" * 20480})
