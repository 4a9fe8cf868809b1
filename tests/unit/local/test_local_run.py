from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowinfra.errors import LocalError
from flowinfra.local import run
from flowinfra.local.run import choose
from flowinfra.local.state import State
from flowinfra.operate.runs.machines import Machine

FLOW = Machine("p.prod.Flow", "arn:aws:states:r:1:stateMachine:p", "Flow", {"n": 1}, None, None)
FOREIGN = Machine("Foreign", "arn", None, None, None, None)


@pytest.mark.parametrize("wanted", ["Flow", "p.prod.Flow"])
def test_a_flow_is_found_by_either_name(wanted: str) -> None:
    assert choose([FLOW, FOREIGN], wanted) is FLOW


def test_an_exact_name_goes_first() -> None:
    exact = Machine("Flow", "arn", "Flow", None, None, None)
    assert choose([FLOW, exact], "Flow") is exact


def test_an_ambiguous_flow() -> None:
    other = Machine("p.test.Flow", "arn", "Flow", None, None, None)
    with pytest.raises(LocalError, match=r"several times.*p\.prod\.Flow, p\.test\.Flow"):
        choose([other, FLOW], "Flow")


def test_a_flow_that_is_not_deployed() -> None:
    with pytest.raises(LocalError, match=r"Deployed are: Foreign, p\.prod\.Flow \(flow Flow\)"):
        choose([FLOW, FOREIGN], "Nothing")
    with pytest.raises(LocalError, match=r"has no state machine yet.*flows on Argo and Airflow run there"):
        choose([], "Nothing")


def test_what_a_flow_takes_stands_in_its_stack_and_else_in_its_definition(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert run.in_stacks(state, FLOW) is None
    assert run.takes(FLOW, None).types == {"n": "int"}
    assert not run.takes(FLOW, None).complete
    stacks = state.pulumi_backend / ".pulumi" / "stacks" / "shop"
    stacks.mkdir(parents=True)
    component = {
        "urn": "urn:pulumi:prod::shop::flowinfra:aws:StepFunctionsFlow::one",
        "type": "flowinfra:aws:StepFunctionsFlow",
        "inputs": {"flow": "Flow", "name": "p.prod.Flow", "parameters": {"n": {"type": "int", "default": 1}}},
        "outputs": {"arn": FLOW.arn},
    }
    empty = {"version": 3, "checkpoint": {"latest": {}}}
    (stacks / "empty.json").write_text(json.dumps(empty))
    (stacks / "prod.json.bak").write_text("{")
    (stacks / "prod.json").write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": [component]}}}))
    found = run.in_stacks(state, FLOW)
    assert found is not None
    assert run.takes(FLOW, found).types == {"n": "int"}
    assert run.takes(FLOW, found).complete
