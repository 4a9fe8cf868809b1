"""`flowinfra why`: every input that can make two compiled flows differ is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.compiler import CompileRequest, compile_flow, write_bundle
from flowinfra.model.compiled import CompiledFlow, Shape
from flowinfra.why import causes

EXAMPLES = Path(__file__).parents[2] / "examples" / "flows"


@pytest.fixture(scope="module")
def parameters() -> CompiledFlow:
    return compile_flow(CompileRequest(EXAMPLES / "parameters" / "parameter_flow.py"))


def lines(old: CompiledFlow, new: CompiledFlow) -> list[str]:
    return [str(cause) for cause in causes(old, new)]


def test_equal_flows_have_no_cause(parameters: CompiledFlow) -> None:
    assert causes(parameters, parameters) == []


def test_a_changed_file_and_a_changed_included_file_are_named(parameters: CompiledFlow, tmp_path: Path) -> None:
    for name in ("parameter_flow.py", "points.csv"):
        text = (EXAMPLES / "parameters" / name).read_text()
        (tmp_path / name).write_text(text + ("# edited\n" if name.endswith(".py") else "4,8\n"))
    found = causes(parameters, compile_flow(CompileRequest(tmp_path / "parameter_flow.py")))
    assert [(cause.kind, cause.name) for cause in found] == [
        ("file", "parameter_flow.py"),
        ("included file", "points"),
    ]


def test_an_option_a_setting_and_a_variable_are_named_and_a_variable_has_no_value(parameters: CompiledFlow) -> None:
    changed = compile_flow(
        CompileRequest(
            EXAMPLES / "parameters" / "parameter_flow.py",
            shape=Shape(max_workers=3, settings={"METAFLOW_CARD_TYPE": "x"}),
            env={"SITE": "very private"},
        )
    )
    found = lines(parameters, changed)
    assert "option max_workers: 100 → 3" in found
    assert "setting METAFLOW_CARD_TYPE: added (x)" in found
    assert any(line.startswith("variable SITE: added (") for line in found)
    assert "private" not in "".join(found)


def test_a_config_value_is_named() -> None:
    request = CompileRequest(EXAMPLES / "project" / "project_flow.py", shape=Shape(branch="a"))
    other = CompileRequest(request.flow, shape=Shape(branch="a", configs={"config": {"limit": 7}}))
    assert lines(compile_flow(request), compile_flow(other)) == ['config config: added ({"limit": 7})']


def test_the_compiler_is_the_cause_where_no_input_differs(parameters: CompiledFlow) -> None:
    definition = {**parameters.step_functions.definition, "Comment": "made by another version"}
    target = parameters.step_functions.model_copy(update={"definition": definition})
    found = causes(parameters, parameters.model_copy(update={"step_functions": target}))
    assert [cause.kind for cause in found] == ["compiler"]


def test_the_command_reads_bundles_and_json(parameters: CompiledFlow, tmp_path: Path) -> None:
    write_bundle(parameters, tmp_path / "a.flow")
    (tmp_path / "b.json").write_text(json.dumps(json.loads(parameters.to_json()), indent=2))
    result = CliRunner().invoke(main, ["why", str(tmp_path / "a.flow"), str(tmp_path / "b.json")])
    assert (result.exit_code, result.output) == (0, "equal, byte for byte\n")


def test_the_command_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    result = CliRunner().invoke(main, ["why", str(tmp_path / "a.json"), str(tmp_path / "a.json")])
    assert result.exit_code == 1
    assert "is not JSON" in result.output
