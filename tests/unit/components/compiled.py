"""Compiled flows and a platform to try the pure parts of the components with."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from flowinfra.compiler import compile_flow
from flowinfra.components.names import Names
from flowinfra.components.outputs import FlowFile
from flowinfra.components.site import Site
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.plan import FlowPlan
from tests.unit.constructs import CONSTRUCTS

SITE = Site(
    partition="aws",
    region="us-east-1",
    account="123456789012",
    bucket="bkt",
    prefix="metaflow",
    queue="jobs",
    table="foreach-table",
)


@cache
def compiled(name: str) -> StepFunctionsCompiled:
    """The construct of that name, compiled."""
    return for_step_functions(compile_flow(next(each for each in CONSTRUCTS if each.name == name).request()))


def for_step_functions(flow: CompiledFlow) -> StepFunctionsCompiled:
    """A flow that is compiled for Step Functions."""
    assert isinstance(flow, StepFunctionsCompiled)
    return flow


def plan(name: str, **more: Any) -> FlowPlan:
    """The plan of a construct in the stack `app/dev`."""
    flow = compiled(name)
    return FlowPlan(flow, Names("app", "dev", flow.name), file=FlowFile("flow.py"), **more)


def site(**changes: Any) -> Site:
    """A platform with changes."""
    return replace(SITE, **changes)
