"""`python_version`: the tasks' Python is the stack's to say, whoever compiles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.components.options import PlatformShape, compile_request, shape_problems
from flowinfra.errors import CompileError, Problems
from flowinfra.model.shape import Shape
from flowinfra.stack.parsing import parse_flow
from flowinfra.targets import TARGETS
from tests.unit.sources import write_flow

OTHER = "3.99"


@pytest.mark.parametrize("target", TARGETS)
def test_no_trace_of_the_compiling_interpreter(tmp_path: Path, target: str) -> None:
    flow = write_flow(tmp_path)
    own = compile_flow(CompileRequest(flow, target))
    pinned = compile_flow(CompileRequest(flow, target, Shape(python=OTHER)))
    assert {step.image for step in pinned.flow.steps.values()} == {f"python:{OTHER}"}
    minor = own.shape.python
    assert own.to_json().replace(f"python:{minor}", "").count(minor) > 0
    rest = json.loads(pinned.to_json())
    rest["objects"], rest["metaflow"] = {}, ""
    assert f'"{minor}"' not in json.dumps(rest).replace('\\"', '"')
    assert f"python:{minor}" not in json.dumps(rest)
    # who compiles with that Python has the same flow
    assert compile_flow(CompileRequest(flow, target, Shape(python=minor))).to_json() == own.to_json()


def test_an_image_wins(tmp_path: Path) -> None:
    flow = write_flow(tmp_path)
    made = compile_flow(CompileRequest(flow, shape=Shape(python=OTHER, image="example.com/ml:1")))
    assert made.flow.steps["start"].image == "example.com/ml:1"


def test_of_a_stacks_flow(tmp_path: Path) -> None:
    write_flow(tmp_path)
    config = parse_flow({"flow": "flow.py", "python_version": "3.12"}, "flow")
    asked = compile_request(config, PlatformShape(), tmp_path)
    compiled = compile_flow(asked)
    assert compiled.shape.python == "3.12"
    assert shape_problems(compiled, config, PlatformShape(), "x") == []
    other = parse_flow({"flow": "flow.py", "python_version": "3.13"}, "flow")
    (problem,) = shape_problems(compiled, other, PlatformShape(), "x")
    assert "made with python = '3.12', this stack asks for python = '3.13'" in str(problem)
    with pytest.raises(Problems, match=r"python_version: found '3', allowed: text that matches"):
        parse_flow({"flow": "flow.py", "python_version": "3"}, "flow")


def test_on_the_command_line(tmp_path: Path) -> None:
    flow = write_flow(tmp_path)
    done = CliRunner().invoke(main, ["compile", str(flow), "--python-version", "3.12"])
    assert json.loads(done.stdout)["flow"]["steps"]["start"]["image"] == "python:3.12"
    with pytest.raises(CompileError, match="python_version: found '12', allowed: a minor version"):
        compile_flow(CompileRequest(flow, shape=Shape(python="12")))
