"""What a flow says and its target does not do is a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.model.shape import Shape
from flowinfra.targets import TARGETS
from tests.unit.sources import write_flow

BODY = """
    @retry(minutes_between_retries=5)
    @step
    def start(self):
        self.next(self.middle)

    @retry(times=1, minutes_between_retries=0)
    @step
    def middle(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize("target", TARGETS)
def test_the_pause_between_retries(tmp_path: Path, target: str) -> None:
    """Told of each step that has one, also where --with gave it, and also of a compile from the cache."""
    flow = write_flow(tmp_path, head="from metaflow import retry\n", body=BODY)
    request = CompileRequest(flow, target, shape=Shape(decospecs=("retry:minutes_between_retries=3",)))
    for _ in range(2):
        told: list[str] = []
        compile_flow(request, told.append)
        found = [text.replace(str(flow), "<flow>").partition(" has no effect on Step Functions: ")[0] for text in told]
        expected = [
            "<flow>: step end: @retry(minutes_between_retries=3)",
            "<flow>: step start: @retry(minutes_between_retries=5)",
        ]
        assert sorted(found) == (expected if target == "step-functions" else [])


@pytest.mark.parametrize("target", ["argo", "airflow"])
def test_a_part_of_a_minute_is_left_out(tmp_path: Path, target: str) -> None:
    body = BODY.replace("=5)", "=0.5)").replace("=0)", "=2.0)")
    told: list[str] = []
    compile_flow(CompileRequest(write_flow(tmp_path, body=body), target), told.append)
    [words] = told
    assert "step start: @retry(minutes_between_retries=0.5) is a pause of 0 minutes on " in words
