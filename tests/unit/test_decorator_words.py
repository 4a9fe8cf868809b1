"""What a decorator of `--with` says arrives in a step's task: a shell and Metaflow itself are the judges."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from metaflow.decorators import Decorator

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.targets import TARGETS, shape_of
from flowinfra.targets.step_functions.compiled import StepFunctionsTarget
from tests.unit.expanded import step_commands
from tests.unit.sources import write_flow
from tests.unit.test_jinja import rendered
from tests.unit.test_versions import VERSIONS, python_with

TEXTS = (
    "plain",
    "C:\\dir\\new \\\\ \\u0041",
    'say "x"',
    "it's $HOME",
    "'a' $(id) `id` \"$HOME\" 'b'",
    "k1=v1,k2=v2",
    "one, two = 3",
    "a, b",
    "true",
    "0123",
    "ä € 😀 {{ x }} {{{",
    "two\nlines\n",
    " spaces ",
    "US$$ 5 $(HOME) $$(HOME)",
    "!event #comment; exit 1 & *",
    "",
)
VARIABLES = {f"V{index}": text for index, text in enumerate(TEXTS)}


def given(value: Any) -> str:
    """A value as the text of `--with` takes it, where Metaflow reads `=` and a quote in another way."""
    return json.dumps(value).replace("=", "\\u003d").replace('\\"', "\\u0022")


def compiled(folder: Path, target: str, python: str = sys.executable, **shape: Any) -> dict[str, Any]:
    request = CompileRequest(write_flow(folder), target, shape_of(target, shape), python=python)
    return compile_flow(request).model_dump(mode="json")


def commands(flow: dict[str, Any], target: str) -> list[str]:
    """What the shell of the tasks is given; in pods, Kubernetes reads `$$` and `$(NAME)` before."""
    if target == "step-functions":
        return list(step_commands(StepFunctionsTarget.model_validate(flow["step_functions"])).values())
    if target == "argo":
        templates = flow["argo"]["workflow_template"]["spec"]["templates"]
        found = [one["container"]["command"][-1] for one in templates if "container" in one]
        return [re.sub(r"\{\{[^{}]*\}\}", "FILLED", command) for command in found if "python flow.py" in command]
    return [rendered(state["operator_args"]["cmds"][-1]) for state in flow["airflow"]["dag"]["states"].values()]


def decorators(command: str) -> dict[str, dict[str, Any]]:
    """Decorators of `--with` of the step, as its task makes them."""
    options = re.findall(r"python flow\.py (--with .*?) --quiet ", command, re.DOTALL)[-1]
    printed = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {options}"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split("\0")[:-1]
    assert "$$" not in options
    assert "$(" not in options
    parse: Any = Decorator.extract_args_kwargs_from_decorator_spec
    specs = [spec.partition(":") for option, spec in zip(printed[::2], printed[1::2], strict=True)]
    return {name: parse(given)[1] for name, _, given in specs}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "minor", [pytest.param(one, marks=[pytest.mark.versions] if one != "2.19" else []) for one in VERSIONS]
)
def test_variables_of_with_arrive(minor: str, target: str, tmp_path: Path) -> None:
    python = sys.executable if minor == "2.19" else python_with(VERSIONS[minor])
    spec = "environment:vars=" + given(VARIABLES)
    found = commands(compiled(tmp_path, target, python, decospecs=[spec]), target)
    assert [decorators(command)["environment"] for command in found] == [{"vars": VARIABLES}] * 2


# Argo puts something in where {{ stands in a pod's annotation: that is refused
@pytest.mark.parametrize("text", [text for text in TEXTS if text and "{{" not in text])
def test_texts_of_a_stack_arrive(text: str, tmp_path: Path) -> None:
    flow = compiled(tmp_path, "argo", steps={"start": {"annotations": {"note": text}}})
    [start] = [command for command in commands(flow, "argo") if " step start " in command]
    assert decorators(start)["kubernetes"]["annotations"] == {"note": text}


@pytest.mark.parametrize("text", ["a'b", "0123", "x, y=z", "true", 'say "x" \\n'])
def test_texts_that_are_not_json_arrive(text: str, tmp_path: Path) -> None:
    spec = "catch:var=" + given(text)
    found = commands(compiled(tmp_path, "step-functions", decospecs=[spec]), "step-functions")
    assert [decorators(command)["catch"]["var"] for command in found] == [text] * 2


def test_what_arrives_is_written_as_metaflow_writes_it(tmp_path: Path) -> None:
    flow = compiled(tmp_path, "argo", decospecs=['environment:vars={"A": "b"}'])
    assert '--with \'environment:vars={"A": "b"}\'' in commands(flow, "argo")[0]
