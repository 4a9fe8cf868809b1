"""`flowinfra why`: every input that can make two compiled flows differ is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.compare.why import Cause, causes, input_causes
from flowinfra.compiler import CompileRequest, compile_flow, write_bundle
from flowinfra.components.inputs import describe
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.shape import Shape
from flowinfra.targets.step_functions.options import StepFunctionsOptions
from tests.unit.components.compiled import for_step_functions

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


def test_an_option_a_setting_and_a_variable_are_named_and_a_variable_has_no_value(
    parameters: CompiledFlow, tmp_path: Path
) -> None:
    for name in ("parameter_flow.py", "points.csv"):
        text = (EXAMPLES / "parameters" / name).read_text()
        reading = "import os\n\nSITE = os.environ.get('SITE')\nfrom metaflow"
        (tmp_path / name).write_text(text.replace("from metaflow", reading, 1))
    changed = compile_flow(
        CompileRequest(
            tmp_path / "parameter_flow.py",
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
    assert lines(compile_flow(request), compile_flow(other)) == ['config config: added ({"limit":7})']


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (3, "3", 'config c: 3 → "3"'),
        (f"{'x' * 200}a", f"{'x' * 200}b", f"config c: …{'x' * 24}a → …{'x' * 24}b"),
        ("a\nb", "a b", "config c: a\\nb → a b"),
    ],
    ids=["text", "long", "hidden"],
)
def test_values_that_differ_read_apart(old: object, new: object, line: str) -> None:
    assert str(Cause("config", "c", old, new)) == line


def test_the_compiler_is_the_cause_where_no_input_differs(parameters: CompiledFlow) -> None:
    parameters = for_step_functions(parameters)
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


def test_what_a_stack_sets_is_named_by_its_path(parameters: CompiledFlow) -> None:
    flow = EXAMPLES / "parameters" / "parameter_flow.py"
    shape = StepFunctionsOptions(
        parameters={"alpha": 0.5},
        steps={"start": {"memory": 8192}},
        schedule="0 3 * * ? *",
        image="python:3.12",
        decospecs=("retry",),
        batch_tags={"team": "ml"},
        package_exclude=("*.md",),
        name_prefix="dev",
    )
    changed = compile_flow(CompileRequest(flow, shape=shape))
    again = compile_flow(CompileRequest(flow, shape=shape.model_copy(update={"steps": {"start": {"memory": 16384}}})))
    assert lines(parameters, changed) == [
        'option with: added (["retry"])',
        "option image: added (python:3.12)",
        'option packaging: added ({"exclude":["*.md"]})',
        'option batch_tags: added ({"team":"ml"})',
        "option name_prefix: added (dev)",
        "option parameters.alpha: added (0.5)",
        "option schedule: added (0 3 * * ? *)",
        "option steps.start.memory: added (8192)",
    ]
    assert lines(changed, again) == ["option steps.start.memory: 8192 → 16384"]


def test_the_timezone_of_the_environment_is_named() -> None:
    flow = EXAMPLES.parents[1] / "tests" / "flows" / "schedule_timezone" / "flow.py"
    old, new = (
        compile_flow(CompileRequest(flow, "argo", Shape(schedule_timezone=zone))) for zone in ("Europe/Paris", "UTC")
    )
    assert lines(old, new) == ["option schedule.timezone: Europe/Paris → UTC"]


def test_another_metaflow_is_the_cause(parameters: CompiledFlow) -> None:
    assert lines(parameters, parameters.model_copy(update={"metaflow": "9.9.9"}))[0] == (
        f"Metaflow: {parameters.metaflow} → 9.9.9"
    )


STACK = {"datastore": "s3://a/metaflow", "queue": "jobs", "aws_tags": {"a": "b"}}


def test_of_deployed_flows_what_the_stack_binds_is_a_cause_too(parameters: CompiledFlow) -> None:
    old = describe(parameters, {**STACK, "schedule": {"cron": "0 3 * * ? *", "enabled": True}})
    new = describe(parameters, {**STACK, "queue": "others", "schedule": {"cron": "0 3 * * ? *", "enabled": False}})
    assert [str(cause) for cause in input_causes(old, new)] == [
        "stack queue: jobs → others",
        "stack schedule.enabled: true → false",
    ]
    assert input_causes(old, old) == []


def test_where_an_airflow_takes_its_dags_is_what_the_stack_binds(parameters: CompiledFlow) -> None:
    old, new = (describe(parameters, {**STACK, "dags": f"s3://{bucket}/dags"}) for bucket in ("a", "b"))
    assert [str(cause) for cause in input_causes(old, new)] == ["stack dags: s3://a/dags → s3://b/dags"]


def test_a_label_is_what_the_stack_binds(parameters: CompiledFlow) -> None:
    old, new = (describe(parameters, {**STACK, "labels": labels}) for labels in ({}, {"team": "ml"}))
    assert [str(cause) for cause in input_causes(old, new)] == ['stack labels: added ({"team":"ml"})']


def test_a_compiled_flow_that_a_stack_has_is_equal_to_it(parameters: CompiledFlow) -> None:
    assert input_causes(describe(parameters, STACK), describe(parameters, {})) == []


def test_what_an_older_flowinfra_deployed_is_compared_as_far_as_it_is_known(parameters: CompiledFlow) -> None:
    old = {"flow": "F", "steps": {"start": {"memory": 4096}}}
    new = {"flow": "F", "steps": {"start": {"memory": 8192}}}
    assert [str(cause) for cause in input_causes(old, new)] == ["input steps.start.memory: 4096 → 8192"]
