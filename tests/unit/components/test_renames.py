"""What a flow was called before, by what its name begins with today."""

from __future__ import annotations

from typing import Any

import pytest

from flowinfra.components.renames import former_names, kept_name, rename_problems
from flowinfra.model.compiled import CompiledFlow, Project
from tests.unit.components.compiled import compiled


def flow(name: str, own: str | None = None, project: str | None = None) -> Any:
    """A flow of the class LinearFlow that is called `name` where it is deployed."""
    base = compiled("linear")
    machine = base.step_functions.model_copy(update={"state_machine": name})
    shape = base.shape.model_copy(update={"name": own})
    of = None if project is None else Project(name=project, branch="prod", production=True)
    return base.model_copy(
        update={"step_functions": machine, "shape": shape, "flow": base.flow.model_copy(update={"project": of})}
    )


@pytest.mark.parametrize(
    ("name", "own", "former"),
    [
        ("LinearFlow", None, ("Old_Flow", "oldflow")),
        ("dev_LinearFlow", None, ("Old_Flow", "dev_Old_Flow", "dev_oldflow")),
        ("dev_Mine", "Mine", ("Old_Flow", "dev_Old_Flow", "dev_oldflow")),
        ("shop.prod.LinearFlow", None, ("Old_Flow", "shop.prod.Old_Flow", "shop.prod.oldflow")),
        ("shop.prod.linearflow", None, ("Old_Flow", "shop.prod.Old_Flow", "shop.prod.oldflow")),
        ("a-name-that-was-cut-12345678", None, ("Old_Flow",)),
    ],
)
def test_names_that_it_may_have_had(name: str, own: str | None, former: tuple[str, ...]) -> None:
    assert former_names(flow(name, own), "Old_Flow") == former


def test_a_flow_that_was_not_renamed_has_none() -> None:
    assert former_names(flow("LinearFlow"), None) == ()


def test_its_own_name_is_none_of_them() -> None:
    assert "dev_Kept" not in former_names(flow("dev_Kept", "Kept"), "Kept")


def test_the_name_that_keeps_it() -> None:
    assert kept_name(flow("dev_LinearFlow"), "dev_Old") == "Old"
    assert kept_name(flow("dev_LinearFlow"), "prod_Old") is None
    assert kept_name(flow("shop.prod.LinearFlow", project="shop"), "shop.prod.Old") is None


def test_a_name_that_another_flow_has_or_had_is_refused() -> None:
    def said(**flows: tuple[CompiledFlow, str | None]) -> list[str]:
        return [str(problem) for problem in rename_problems(flows)]

    assert said(a=(flow("A", "A"), "Old"), b=(flow("B", "B"), "Older")) == []
    assert said(a=(flow("A", "A"), "B"), b=(flow("B", "B"), None)) == [
        "a: renamed_from is 'B', and b of this stack is called so; leave renamed_from out, or remove that flow"
    ]
    twice = said(a=(flow("A", "A"), "Old"), b=(flow("B", "B"), "Old"))
    assert twice[0] == "b: renamed_from is 'Old', as that of a; one flow alone can have been called so"
