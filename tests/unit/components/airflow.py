"""Flows that are compiled for Airflow, for tests of what is made of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.targets import shape_of
from flowinfra.targets.airflow.compiled import AirflowCompiled
from tests.unit.constructs import FLOWS

IDENTITY = {
    "bucket": "acme-metaflow",
    "prefix": "metaflow",
    "kubernetes-namespace": "jobs",
    "service-account": "runner",
    "owner": "flowinfra",
    "token": "a-token",
}


@cache
def airflow(folder: str, **shape: Any) -> AirflowCompiled:
    """A flow of tests/flows."""
    request = CompileRequest(FLOWS / folder / "flow.py", "airflow", shape_of("airflow", shape), folder="flow")
    compiled = compile_flow(request)
    assert isinstance(compiled, AirflowCompiled)
    return compiled
