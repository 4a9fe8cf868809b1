"""Errors name files from the project's folder, as a stack does: CI and a laptop print the same text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow, evaluate_parameters
from flowinfra.components.options import PlatformShape, compile_request
from flowinfra.components.source import Deployment, flow_source
from flowinfra.errors import ConfigError, FlowInfraError, Problems, named_from
from flowinfra.stack.compiling import compiled_configs
from flowinfra.stack.parsing import parse_flow
from tests.unit.sources import STEPS, source, write_flow

SHAPE = PlatformShape()
PROBLEM = "__import__('pathlib').Path(__file__).with_name('made.txt').write_text('')"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's folder with flows that are refused."""
    root = tmp_path / "a project"
    flows = {
        "syntax": source(head="\ndef (:"),
        "base": "\n\n1 / 0\n",
        "beside": source(head="import base"),
        "writes": source(head=PROBLEM),
        "required": source(body=f"    day = Parameter('day')\n{STEPS}", decorators="@schedule(daily=True)"),
        "locked": source(body=STEPS.replace("@step", "@pypi(packages={'six': '1.16.0'})\n    @step", 1)),
        "today": source(
            head="def today(context):\n    return {}['missing']", body=f"    p = Parameter('p', default=today)\n{STEPS}"
        ),
    }
    for name, text in flows.items():
        (write_flow(root / "flows", text)).rename(root / "flows" / f"{name}.py")
    (root / "cut.flow").write_bytes(b"PK")
    return root


def said(root: Path, **values: Any) -> str:
    with pytest.raises(FlowInfraError) as raised:
        compile_flow(compile_request(parse_flow(values, "x"), SHAPE, root))
    return str(raised.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flow": "flows/absent.py"}, "flows/absent.py: does not exist; give the .py file of a Metaflow flow"),
        ({"flow": "flows/syntax.py"}, "flows/syntax.py:3: syntax error: "),
        ({"flow": "flows/beside.py"}, "flows/base.py:3: ZeroDivisionError: division by zero"),
        (
            {"flow": "flows/writes.py"},
            "flows/writes.py: when its module was imported, it wrote a file (flows/made.txt) at flows/writes.py:2.",
        ),
        (
            {"flow": "flows/locked.py", "configs": {"c": "conf/c.json"}},
            "flows/locked.py: Config 'c': file conf/c.json does not exist",
        ),
        ({"flow": "flows/syntax.py", "python": "env/python"}, "flows/syntax.py: python: env/python is not a program"),
    ],
    ids=["absent", "syntax", "beside", "writes", "config", "python"],
)
def test_a_file_is_named_from_the_projects_folder(project: Path, values: dict[str, Any], message: str) -> None:
    found = said(project, **values)
    assert found.startswith(message), found
    assert str(project) not in found


def test_the_command_that_locks_is_run_in_the_projects_folder(project: Path) -> None:
    found = said(project, flow="flows/locked.py", environment="pypi")
    assert "and there is no lock flows/locked.lock.json. " in found
    assert found.endswith(": flowinfra lock 'flows/locked.py' --environment pypi")


def test_a_deploy_time_function(project: Path) -> None:
    request = compile_request(parse_flow({"flow": "flows/today.py"}, "x"), SHAPE, project)
    with pytest.raises(FlowInfraError, match=r"^flows/today\.py:3: "):
        evaluate_parameters(request, "ann")


def test_a_folder_behind_a_link(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)
    for root in (tmp_path / "link", project):
        assert said(root, flow="flows/beside.py").startswith("flows/base.py:3: "), root


def test_all_flows_of_a_stack_and_their_bundles(project: Path) -> None:
    configs = [parse_flow({"flow": flow}, "x") for flow in ("flows/syntax.py", "cut.flow", "flows/absent.py")]
    with pytest.raises(Problems) as raised:
        compiled_configs([(config, SHAPE) for config in configs], project, print)
    lines = [str(error) for error in raised.value.errors]
    assert [line.partition(":")[0] for line in lines] == ["flows/syntax.py", "cut.flow", "flows/absent.py"]
    assert str(project) not in "".join(lines)


def test_a_component_in_a_program(project: Path) -> None:
    deployment = Deployment("shop", "dev", project)
    for flow in ("flows/absent.py", "cut.flow"):
        with pytest.raises(FlowInfraError) as raised:
            flow_source("component", {"flow": flow}, SHAPE, deployment, print)
        assert str(raised.value).startswith(f"{flow}: ")


def test_elsewhere_a_file_is_named_as_it_was_given(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    for flow in (Path("flows/syntax.py"), project / "flows" / "syntax.py"):
        with pytest.raises(FlowInfraError) as raised:
            compile_flow(CompileRequest(flow))
        assert str(raised.value).startswith(f"{flow}:3: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/work/x.py: bad", "x.py: bad"),
        ("x: '/work/a b.py' and (/work/c.py:3)", "x: 'a b.py' and (c.py:3)"),
        ("/workshop/x.py, /other/work/x.py, s3://work/x, file:///work/x", None),
        ("/work", None),
    ],
)
def test_only_what_is_below_the_folder_is_named_from_there(text: str, told: str | None) -> None:
    with pytest.raises(ConfigError) as raised, named_from(Path("/work")):
        raise ConfigError(text)
    assert str(raised.value) == (told or text)


def test_each_of_several_errors_keeps_its_kind() -> None:
    with pytest.raises(Problems) as raised, named_from(Path("/work")):
        raise Problems([ConfigError("/work/a: x"), FlowInfraError("/work/b: y")])
    assert [(type(error), str(error)) for error in raised.value.errors] == [
        (ConfigError, "a: x"),
        (FlowInfraError, "b: y"),
    ]
