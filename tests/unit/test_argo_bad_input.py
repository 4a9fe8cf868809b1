"""Flows that Argo does not take: what the compile says."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import FlowInfraError
from flowinfra.model.compiled import Shape

FLOWS = Path(__file__).parents[1] / "flows"


@pytest.mark.parametrize(
    ("folder", "shape", "words"),
    [
        ("linear", {"name": "Bad_Name"}, ["Bad_Name", "lower case alphanumeric characters"]),
        ("linear", {"name": "a" * 46}, ["longer than 45"]),
        ("batch", {}, ["step devices: @batch: is for AWS Batch", "step start: @batch"]),
        ("trigger", {}, ["@trigger", "event"]),
        ("linear", {"compress": True}, ["compress is no option of target argo"]),
        ("linear", {"steps": {"start": {"queue": "jobs"}}}, ["steps.start: unknown override 'queue'"]),
    ],
)
def test_what_argo_does_not_take(folder: str, shape: dict[str, object], words: list[str]) -> None:
    with pytest.raises(FlowInfraError) as raised:
        compile_flow(CompileRequest(FLOWS / folder / "flow.py", "argo", Shape.model_validate(shape)))
    message = str(raised.value)
    assert [word for word in words if word.lower() not in message.lower()] == [], message
