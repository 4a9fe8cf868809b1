"""Flows compiled for Argo and a platform to try the pure parts of its component with."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.components.names import Names
from flowinfra.components.outputs import FlowFile
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.options import ArgoOptions
from flowinfra.targets.argo.plan import ArgoPlan
from flowinfra.targets.argo.platform import ArgoEvents, ArgoSite

FLOWS = Path(__file__).resolve().parents[2] / "flows"
SITE = ArgoSite(bucket="bkt", namespace="flows", events=ArgoEvents())


@cache
def argo(folder: str) -> ArgoCompiled:
    """The flow of a folder of tests/flows, compiled for a platform with Argo Events."""
    compiled = compile_flow(CompileRequest(FLOWS / folder / "flow.py", "argo", ArgoOptions(events=True), folder="flow"))
    assert isinstance(compiled, ArgoCompiled)
    return compiled


def argo_plan(folder: str, **more: Any) -> ArgoPlan:
    """The plan of such a flow in the stack `app/dev`."""
    flow = argo(folder)
    return ArgoPlan(flow, Names("app", "dev", flow.name), file=FlowFile("flow.py"), **more)


def argo_site(**changes: Any) -> ArgoSite:
    """A platform with changes."""
    return replace(SITE, **changes)
