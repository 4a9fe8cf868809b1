"""What runs flows: a package per target. This module is the only list of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, ValidationError

from flowinfra.errors import CompileError, together
from flowinfra.model.base import Json, Model
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.options import default
from flowinfra.model.shape import Shape
from flowinfra.targets.target import Target

_FOLDERS = ("step_functions", "argo", "airflow")

TARGETS: Mapping[str, Target] = {
    target.name: target for target in (import_module(f"{__name__}.{folder}.request").TARGET for folder in _FOLDERS)
}
"""Name of a target → what it says of itself."""


def unknown_target(name: str) -> str | None:
    """What is wrong with the name of a target, in words; None where there is such a target."""
    return None if name in TARGETS else f"unknown target {name!r}; known: {', '.join(TARGETS)}"


def _known(name: str) -> str:
    if problem := unknown_target(name):
        raise ValueError(problem)
    return name


def shape_of(target: str, values: Mapping[str, Json], label: str = "") -> Shape:
    """The options of a compile for a target.

    Args:
        target: its name.
        values: option → value; an option of another target may stand there at its default.
        label: what errors call the flow.

    Raises:
        CompileError: no target has that name, or it has no such option, or the option no such value (`Problems` for
            several).
    """
    who = f"{label}: " if label else ""
    if problem := unknown_target(target):
        raise CompileError(f"{who}{problem}")
    model, given = TARGETS[target].options, dict(values)
    problems = []
    for name in sorted(given.keys() - model.model_fields.keys()):
        owners = [each for each in TARGETS.values() if name in each.own]
        if not owners:
            problems.append(f"{name} is not an option of any target; leave it out")
        elif given.pop(name) != default(owners[0].options.model_fields[name]):
            names = ", ".join(each.name for each in owners)
            problems.append(f"{name} is not an option of target {target} (but of {names}); leave it out")
    if not problems:
        try:
            return model.model_validate(given)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    raise together([CompileError(f"{who}{problem}") for problem in problems])


class _Targeted(Model):
    """What all compiled flows have."""

    model_config = ConfigDict(extra="ignore")

    target: Annotated[str, AfterValidator(_known)]


def compiled_flow(data: Json) -> CompiledFlow:
    """CompiledFlow of its target's class from JSON data.

    Raises:
        pydantic.ValidationError: the data is not a CompiledFlow, or is of a target that this version does not know.
    """
    target = _Targeted.model_validate(data).target
    model: type[CompiledFlow] = TARGETS[target].part("compiled").COMPILED
    return model.model_validate(data)
