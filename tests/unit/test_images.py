"""Images that no node could pull are refused, wherever they are given; the grammar is in test_kubernetes_grammar.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import FlowInfraError
from flowinfra.targets import TARGETS, shape_of
from tests.unit.sources import STEPS, write_flow

COMPUTE = {"step-functions": "batch", "argo": "kubernetes", "airflow": "kubernetes"}
WRONG = ("a b", "Python:3.11", "python:", "https://example.com/image", "image@sha256:12")
DIGEST = f"example.com/team/image@sha256:{'0' * 64}"
RIGHT = ("python:3.11", "localhost:5000/image", "Registry.example.com:443/team/image:1.2_a-B", DIGEST)


def told(folder: Path, target: str, body: str = STEPS, **shape: Any) -> list[str]:
    flow = write_flow(folder, body=body)
    try:
        compile_flow(CompileRequest(flow, target, shape_of(target, shape)))
    except FlowInfraError as error:
        return [str(each).removeprefix(str(flow)) for each in error.errors]
    return []


def above_start(target: str, image: str) -> str:
    return STEPS.replace("@step", f"@{COMPUTE[target]}(image={image!r})\n    @step", 1)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("image", WRONG)
def test_an_image_of_the_code_is_refused_with_step_and_line(image: str, target: str, tmp_path: Path) -> None:
    [words] = told(tmp_path, target, above_start(target, image))
    assert words.startswith(f":9: step start: @{COMPUTE[target]}: image: found {image!r}, allowed: ")


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_of_a_stack_is_refused_with_its_key(target: str, tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"steps": {"start": {"image": "a b"}}}
    assert told(tmp_path, target, **wrong)[0].startswith(": steps.start.image: found 'a b', allowed: an image's name")
    [words] = told(tmp_path, target, image="Python:3.11")
    assert words.startswith(": image: found 'Python:3.11', allowed: an image's name")
    assert "image: found 'a b'" in told(tmp_path, target, decospecs=[f"{COMPUTE[target]}:image=a b"])[0]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("image", RIGHT)
def test_an_image_that_can_be_pulled_is_taken(image: str, target: str, tmp_path: Path) -> None:
    steps = {"end": {"image": image}}
    assert told(tmp_path, target, above_start(target, image), image=image, steps=steps) == []
