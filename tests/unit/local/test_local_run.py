from __future__ import annotations

import json

import pytest

from flowinfra.errors import LocalError
from flowinfra.local.run import Deployed, choose, describe, input_of, parse_parameters


def definition(**environment: str) -> dict[str, object]:
    variables = [{"Name": name, "Value": value} for name, value in environment.items()]
    start = {
        "Type": "Task",
        "Parameters": {
            "Parameters": {"metaflow.flow_name": "Flow"},
            "ContainerOverrides": {"Environment": variables},
        },
    }
    return {"StartAt": "start", "States": {"start": start}}


FLOW = describe(
    "p.prod.Flow", "arn", definition(METAFLOW_DEFAULT_PARAMETERS='{"alpha": 0.1, "n": 1, "on": true, "my-word": "a"}')
)
PLAIN = describe("Bare", "arn", definition())
FOREIGN = Deployed("Foreign", "arn", None, None)


def test_what_a_definition_tells() -> None:
    assert (FLOW.flow, FLOW.parameters) == ("Flow", {"alpha": 0.1, "n": 1, "on": True, "my-word": "a"})
    assert PLAIN.parameters is None
    bare = describe("x", "arn", {"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}})
    assert (bare.flow, bare.is_flow) == (None, False)


@pytest.mark.parametrize("wanted", ["Flow", "p.prod.Flow"])
def test_a_flow_is_found_by_either_name(wanted: str) -> None:
    assert choose([FLOW, FOREIGN], wanted) is FLOW


def test_an_exact_name_goes_first() -> None:
    exact = Deployed("Flow", "arn", "Flow", None)
    assert choose([FLOW, exact], "Flow") is exact


def test_an_ambiguous_flow() -> None:
    other = Deployed("p.test.Flow", "arn", "Flow", None)
    with pytest.raises(LocalError, match=r"several times.*p\.prod\.Flow, p\.test\.Flow"):
        choose([other, FLOW], "Flow")


def test_a_flow_that_is_not_deployed() -> None:
    with pytest.raises(LocalError, match=r"Deployed are: Foreign, p\.prod\.Flow \(flow Flow\)"):
        choose([FLOW, FOREIGN], "Nothing")
    with pytest.raises(LocalError, match=r"has no state machine yet.*flows on Argo and Airflow run there"):
        choose([], "Nothing")


def test_parameters_of_the_command_line() -> None:
    assert parse_parameters(["--a", "1", "--b=2=3", "--c", "--d"]) == {"a": "1", "b": "2=3", "c": "--d"}


@pytest.mark.parametrize("words", [["a"], ["--a"], ["--a", "1", "--a=2"], ["--"]])
def test_what_is_no_parameter(words: list[str]) -> None:
    with pytest.raises(LocalError):
        parse_parameters(words)


def test_values_have_the_type_of_their_default() -> None:
    given = {"alpha": "0.5", "n": "7", "on": "False", "my_word": '$(id) "é"', "other": "5"}
    text = json.loads(input_of(FLOW, given))["Parameters"]
    assert json.loads(text) == {"alpha": 0.5, "n": 7, "on": False, "my-word": '$(id) "é"', "other": "5"}


@pytest.mark.parametrize(("name", "value"), [("alpha", "x"), ("n", "1.5"), ("on", "yes")])
def test_values_of_a_wrong_type(name: str, value: str) -> None:
    with pytest.raises(LocalError, match=f"--{name} is"):
        input_of(FLOW, {name: value})


def test_a_flow_without_parameters_takes_none() -> None:
    with pytest.raises(LocalError, match="has no parameters"):
        input_of(PLAIN, {"a": "1"})
    assert json.loads(input_of(PLAIN, {})) == {"Parameters": "{}"}


def test_input_of_a_state_machine_that_is_no_flow() -> None:
    assert json.loads(input_of(FOREIGN, {"a": "1"})) == {"a": "1"}


def test_too_much_input() -> None:
    with pytest.raises(LocalError, match="20480"):
        input_of(FLOW, {"my-word": "x" * 20480})
