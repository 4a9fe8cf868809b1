"""What the preview says of flows that are drawn at random is what Argo's own validation says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.compiler.compile import compile_each
from flowinfra.errors import FlowInfraError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.shape import Shape
from flowinfra.targets.argo import reading as argo
from flowinfra.targets.argo.rules import faults
from tests.judge import prepared, problems
from tests.unit.argo_bound import bound_objects
from tests.unit.random_flows import random_flow

WRONG = 16
"""Draws a flow of which Metaflow 2.19 makes a workflow that Argo refuses."""


def request(folder: Path, seed: int) -> CompileRequest:
    path = folder / str(seed) / "flow.py"
    path.parent.mkdir()
    path.write_text(random_flow(seed), encoding="utf-8")
    return CompileRequest(path, "argo", Shape(), folder="flow")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("seeds", [range(8), range(10, 18)], ids=str)
def test_the_rules_say_what_argo_says(seeds: range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = prepared()
    monkeypatch.setattr(argo, "faults", lambda *_: ())
    found = compile_each([request(tmp_path, seed) for seed in seeds], warn=lambda _: None)
    flows = {str(seed): flow for seed, flow in zip(seeds, found, strict=True) if isinstance(flow, CompiledFlow)}
    assert len(flows) > len(seeds) / 2
    objects = {seed: bound_objects(flow) for seed, flow in flows.items()}
    wrong = {seed for seed, flow in flows.items() if [*faults(objects[seed][0], None, flow.flow.steps)]}
    for version in versions:
        assert problems(version, objects).keys() == wrong


def test_a_graph_that_metaflow_takes_apart_wrongly_is_refused_with_its_step(tmp_path: Path) -> None:
    with pytest.raises(FlowInfraError) as raised:
        compile_flow(request(tmp_path, WRONG))
    said = str(raised.value)
    assert "flow.py:" in said
    assert ": step load60: this Metaflow makes a workflow of the graph here that Argo does not run: " in said
    assert "'load60' needs 'split-cardinality', which it does not get" in said
