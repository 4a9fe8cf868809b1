"""A flow that leaves while one with the same steps comes may have been renamed: the report says how to say so."""

from __future__ import annotations

from typing import Any

from tests.unit.report.previews import TRAIN, changed, flow_step, stack

FIT = changed(TRAIN, {"flow": "FitFlow", "name": "FitFlow", "steps.a.memory": 1})


def told(*steps: dict[str, Any]) -> list[str]:
    return [each.message for each in stack(*steps).diagnostics if each.severity == "info"]


def test_one_that_goes_and_one_that_comes() -> None:
    assert told(flow_step("delete", TRAIN), flow_step("create", None, FIT, name="FitFlow")) == [
        "TrainFlow leaves, and FitFlow comes with the same steps: if it was renamed, give FitFlow "
        "`renamed_from: TrainFlow`, and with `name: TrainFlow` it stays what it was deployed as (docs/stacks.md, "
        '"A flow that is renamed")'
    ]


def test_one_whose_name_alone_changes() -> None:
    new = changed(TRAIN, {"name": "Fit"})
    [said] = told(flow_step("delete", TRAIN), flow_step("create", None, new, name="Fit"))
    assert "give Fit `renamed_from: TrainFlow` (docs" in said


def test_other_steps_and_several_that_fit_are_left_alone() -> None:
    other = changed(FIT, {"steps.a": None, "steps.start.next": ["b"]})
    assert told(flow_step("delete", TRAIN), flow_step("create", None, other, name="FitFlow")) == []
    second = flow_step("create", None, changed(FIT, {"name": "Second"}), name="Second")
    assert told(flow_step("delete", TRAIN), flow_step("create", None, FIT, name="FitFlow"), second) == []
    moved = changed(FIT, {"target": "argo"})
    assert told(flow_step("delete", TRAIN), flow_step("create", None, moved, name="FitFlow")) == []
    assert told(flow_step("delete", {"steps": "?"}), flow_step("create", None, {"steps": "?"}, name="FitFlow")) == []
