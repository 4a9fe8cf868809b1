"""What goes into the child process and comes out of it is what its protocol says; mypy checks both sides with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import process
from flowinfra.compiler.driver import protocol
from flowinfra.errors import CompileError
from tests.unit.sources import STEPS, request, write_flow

BODY = f"""
    size = Parameter("size", default=1)
    settings = Config("settings", default_value={{"a": 1}})

    @retry(times=2)
    @secrets(sources=["aws-secrets-manager.db"])
    {STEPS.lstrip()}
"""


def keys(of: Any) -> set[str]:
    """All keys of a TypedDict, those of its bases included."""
    return {*of.__required_keys__, *of.__optional_keys__}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a child was asked, and what it answered."""
    folder = tmp_path_factory.mktemp("protocol")
    head = "import os, here\nos.environ.get('SIZE')"
    flow = write_flow(folder / "flows", head=head, body=BODY, decorators="@schedule(daily=True)\n@project(name='p')")
    (flow.parent / "here.py").write_text("import yaml\n")
    asked = request(flow, branch="b")
    (folder / "out").mkdir()
    answer: Any = process.record(asked, folder / "out").data
    return dict(process.task_of(asked, folder / "out", "compile", None)), answer


def test_the_request_has_every_key(recorded: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert recorded[0].keys() == keys(protocol.Request)
    assert all(walk.keys() == keys(protocol.Walk) for walk in recorded[0]["walks"])


def test_the_answer_has_every_key(recorded: tuple[dict[str, Any], dict[str, Any]]) -> None:
    answer = recorded[1]
    flow = answer["flow"]
    start = flow["steps"][0]
    found: list[tuple[dict[str, Any], Any]] = [
        (answer, protocol.Answer),
        (flow, protocol.Flow),
        (flow["parameters"]["size"], protocol.Parameter),
        (flow["project"], protocol.Project),
        (flow["decorators"][0], protocol.Decorator),
        (start, protocol.Step),
        (start["place"], protocol.Place),
        (start["decorators"][0], protocol.Decorator),
        (start["secrets"][0], protocol.Secret),
        (answer["imports"], protocol.Imports),
        (answer["imports"]["modules"]["__main__"], protocol.Module),
        (answer["imports"]["modules"]["here"]["imports"][0], protocol.Import),
        (answer["variables"], protocol.Variables),
        (answer["variables"]["asked"][0], protocol.Asked),
        (answer["objects"][0], protocol.SavedObject),
        (answer["calls"][0], protocol.Call),
    ]
    for value, of in found:
        assert value.keys() == keys(of), of.__name__
    assert answer["imports"]["found"]["yaml"].keys() <= keys(protocol.Found)


def test_a_flow_that_fails_is_answered_with_its_error_alone(tmp_path: Path) -> None:
    flow = write_flow(tmp_path / "flows", head="import nothing_of_this_name")
    (tmp_path / "out").mkdir()
    with pytest.raises(CompileError, match="nothing_of_this_name"):
        process.record(request(flow), tmp_path / "out")
    answer = json.loads((tmp_path / "out" / "answer.json").read_text(encoding="utf-8"))
    assert answer.keys() == keys(protocol.Failure)
    assert answer["error"].keys() <= keys(protocol.Error)
    assert protocol.Error.__required_keys__ <= answer["error"].keys()
