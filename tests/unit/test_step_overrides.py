"""A stack's settings of a step, with what the flow's file and `with` say of the same step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets import shape_of
from tests.unit.sources import STEPS, write_flow


def compiled(folder: Path, target: str, body: str = STEPS, **shape: Any) -> CompiledFlow:
    return compile_flow(CompileRequest(write_flow(folder, body=body), target, shape_of(target, shape)))


@pytest.mark.parametrize(
    ("target", "decorator"), [("step-functions", "batch"), ("argo", "kubernetes"), ("airflow", "kubernetes")]
)
def test_a_task_whose_image_a_stack_names_saves_its_metadata(target: str, decorator: str, tmp_path: Path) -> None:
    """It does so by the decorator that holds its compute, which the flow's file does not have: its command must."""
    flow = compiled(tmp_path, target, steps={"end": {"image": "example.com/mine:1"}})
    text = json.dumps(flow.model_dump(mode="json")[flow.section])
    [spec] = {part.split("'")[0] for part in text.split(f"--with '{decorator}:") if "example.com/mine:1" in part[:200]}
    assert "image=example.com/mine:1" in spec.split(",")


@pytest.mark.parametrize(
    ("decospec", "override", "expected"),
    [
        ("kubernetes:memory=9000", {"image": "mine:1"}, {"memory": 9000, "image": "mine:1"}),
        ("kubernetes:memory=9000", {"memory": 500}, {"memory": 500}),
        ("resources:memory=9000,cpu=4", {"cpu": 2}, {"memory": 9000, "cpu": 2.0}),
        ("retry:times=3", {"retries": 1}, {"retries": 1, "attempts": 2}),
        ("timeout:hours=3", {"timeout": 600}, {"timeout": 600}),
        (
            'environment:vars={"A": "x", "B": "y"}',
            {"environment": {"B": "it's"}},
            {"environment": {"A": "x", "B": "it's"}},
        ),
    ],
    ids=["image", "memory", "cpu", "retries", "timeout", "environment"],
)
def test_an_override_changes_what_with_gives_the_step(
    decospec: str, override: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    step = compiled(tmp_path, "argo", decospecs=[decospec], steps={"end": override}).flow.steps["end"]
    found = {**step.model_dump(), **step.resources.model_dump()}
    assert {name: found[name] for name in expected} == expected


def test_what_the_flow_says_counts_more_than_with(tmp_path: Path) -> None:
    body = STEPS.replace("@step", "@kubernetes(memory=512)\n    @step")
    flow = compiled(tmp_path, "argo", body, decospecs=["kubernetes:memory=9000"], steps={"end": {"image": "mine:1"}})
    assert flow.flow.steps["end"].resources.memory == 512


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({}, {"image": "mutator:1", "cpu": 7, "labels": {"m": "m"}, "retries": 3}),
        ({"image": "mine:1"}, {"image": "mine:1", "cpu": 7, "labels": {"m": "m"}, "retries": 3}),
        ({"cpu": 2, "gpu": 1}, {"image": "mutator:1", "cpu": 2, "labels": {"m": "m"}, "retries": 3}),
        ({"labels": {"s": "s"}, "retries": 1}, {"cpu": 7, "labels": {"m": "m", "s": "s"}, "retries": 1}),
    ],
    ids=["none", "image", "resources", "labels"],
)
def test_a_mutator_that_waits_for_the_targets_decorator_is_asked_first(
    override: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    """Since 2.19, Metaflow asks mutators again when it has given the steps the target's compute decorator."""
    head = """
class late(StepMutator):
    def mutate(self, step):
        if step.has_decorator("kubernetes"):
            said = {"image": "mutator:1", "cpu": 7, "labels": {"m": "m"}}
            step.add_decorator("kubernetes", deco_kwargs=said, duplicates=step.OVERRIDE)
            step.add_decorator("retry", deco_kwargs={"times": 3})
"""
    flow = write_flow(tmp_path, head=head, body=STEPS.replace("@step", "@late\n    @step"))
    shape = shape_of("argo", {"steps": {"end": override}})
    step = compile_flow(CompileRequest(flow, "argo", shape)).flow.steps["end"]
    found = {**step.model_dump(), **step.resources.model_dump(), **step.resources.extra}
    assert {name: found[name] for name in expected} == expected
