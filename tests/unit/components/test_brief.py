"""What a component leaves out of a flow's inputs is there again where they are read."""

from __future__ import annotations

import json

import pytest

from flowinfra.components.inputs import describe
from flowinfra.engine.preview import parse_preview
from flowinfra.engine.state import flows_in_state
from flowinfra.model.brief import brief, full
from flowinfra.targets import TARGETS
from tests.unit import golden
from tests.unit.components.compiled import compiled
from tests.unit.golden import constructs_of

URN = "urn:pulumi:dev::app::flowinfra:aws:StepFunctionsFlow::Flow"


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_lost(target: str) -> None:
    for construct in constructs_of(target):
        described = describe(golden.compiled(construct, target), {})
        assert full(brief(described)) == described


def test_what_every_flow_has_is_left_out() -> None:
    shown = brief(describe(compiled("linear"), {}))
    assert "max_workers" not in shown
    assert shown["steps"] == {"start": {"next": "add"}, "add": {"next": "end"}, "end": {}}


def test_what_somebody_sets_is_shown() -> None:
    shown = brief(describe(compiled("overrides"), {}))
    assert shown["steps"]["plain"]["memory"] == 1024
    assert "steps.plain.memory" in shown["overrides"].split(", ")


def test_a_state_and_a_preview_have_all_of_it() -> None:
    described = describe(compiled("overrides"), {})
    state = {"urn": URN, "type": "flowinfra:aws:StepFunctionsFlow", "inputs": brief(described)}
    document = json.dumps({"version": 3, "deployment": {"resources": [state]}})
    assert flows_in_state(document.encode(), "state") == {"Flow": described}
    steps = [{"op": "update", "urn": URN, "oldState": state, "newState": state}]
    step = parse_preview(json.dumps({"steps": steps}).encode(), "preview").steps[0]
    assert step.old is not None
    assert step.old.inputs == step.state.inputs == described


def test_inputs_of_a_flow_that_an_older_version_deployed_are_as_they_were() -> None:
    described = describe(compiled("overrides"), {})
    assert full(described) == described
    assert full({}) == {}
