"""Versions of flows in files and stacks, and what made them differ."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowinfra.cli import main
from flowinfra.compiler import CompileRequest, compile_flow, write_bundle
from flowinfra.components.inputs import describe
from flowinfra.model.compiled import CompiledFlow
from tests.unit.states import content, state

EXAMPLES = Path(__file__).parents[2] / "examples" / "flows"
STACK = {"datastore": "s3://a/metaflow", "queue": "jobs"}


@pytest.fixture(scope="module")
def parameters() -> CompiledFlow:
    return compile_flow(CompileRequest(EXAMPLES / "parameters" / "parameter_flow.py"))


def why(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["why", *map(str, arguments)])


def written(folder: Path, name: str, **flows: dict[str, Any]) -> Path:
    file = folder / name
    file.write_bytes(content(state(flows)))
    return file


def test_two_deployed_versions(parameters: CompiledFlow, tmp_path: Path) -> None:
    flow = describe(parameters, STACK)
    edited = {**flow, "source": {**flow["source"], "parameter_flow.py": "0123456789ab"}, "queue": "more"}
    other = {**flow, "flow": "Other", "file": "o.py", "name": "Other"}
    old = written(tmp_path, "old.json", ParameterFlow=flow, Same=other)
    new = written(tmp_path, "new.json", ParameterFlow=edited, Same=other, Fresh={"flow": "Fresh", "name": "Fresh"})
    digest = flow["source"]["parameter_flow.py"]
    assert why(old, new).output.splitlines() == [
        f"ParameterFlow: file parameter_flow.py: {digest} → 0123456789ab",
        "ParameterFlow: stack queue: jobs → more",
        "Fresh: flow: added (Fresh)",
    ]
    assert why(new, old).output.splitlines()[-1] == "Fresh: flow: removed (was Fresh)"
    assert why(old, old).output == "equal in all that the states say\n"
    (first, *_) = json.loads(why(old, new, "--json").output)
    assert first == {
        "flow": "ParameterFlow",
        "kind": "file",
        "name": "parameter_flow.py",
        "old": digest,
        "new": "0123456789ab",
    }


def test_a_bundle_against_what_is_deployed(parameters: CompiledFlow, tmp_path: Path) -> None:
    write_bundle(parameters, tmp_path / "train.flow")
    flow = describe(parameters, {**STACK, "schedule": {"cron": "0 0 * * ? *", "enabled": False}})
    prod = written(tmp_path, "prod.json", prod_ParameterFlow={**flow, "max_workers": 5}, X={"flow": "X", "name": "X"})
    result = why(prod, tmp_path / "train.flow")
    assert (result.exit_code, result.output) == (0, "ParameterFlow: option max_workers: 5 → 100\n"), result.output
    without = written(tmp_path, "without.json", X={"flow": "X", "name": "X"})
    result = why(tmp_path / "train.flow", without)
    assert result.exit_code == 1
    assert "without.json: has no flow ParameterFlow of a file parameter_flow.py; it has: X" in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"version": 3, "deployment": {}}', "the stack was never deployed"),
        ('{"version": 8, "deployment": {"resources": []}}', "schema version 8"),
        ("{", "is not JSON"),
        ("[]", "the top level"),
        ('{"schema_version": 99}', "has schema version 99"),
    ],
)
def test_a_file_that_is_neither(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    result = why(file, file)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("file", ["gone.flow", "/nope/gone", "./gone", "../gone"])
def test_a_file_that_is_not_there(file: str) -> None:
    result = why(file, file)
    assert (result.exit_code, f"{file}: does not exist; give a compiled flow" in result.output) == (1, True)


def test_stacks_and_their_earlier_deployments(
    parameters: CompiledFlow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = describe(parameters, STACK)
    written(tmp_path, "now.json", ParameterFlow=flow)
    written(tmp_path, "then.json", ParameterFlow={**flow, "metaflow": "2.17.0"})
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "bin").mkdir()
    pulumi = tmp_path / "bin" / "pulumi"
    pulumi.write_text('#!/bin/sh\ncase "$*" in *"--version 3"*) cat then.json ;; *) cat now.json ;; esac\n')
    pulumi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{pulumi.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert why("prod@3", "prod").output == f"ParameterFlow: Metaflow: 2.17.0 → {parameters.metaflow}\n"


def test_a_stack_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = why("prod", "staging")
    assert (result.exit_code, "there is no Pulumi.yaml in this folder or around it" in result.output) == (1, True)
