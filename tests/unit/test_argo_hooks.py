"""Functions of @exit_hook: what Metaflow cannot load or call after a run is refused; the judge is its own script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import FlowInfraError
from flowinfra.targets import shape_of
from tests.unit.sources import STEPS, write_flow

HEAD = """
import functools
import helpers
from helpers import send as post, tell

def done(run):
    print("ran done")

def shown(run):
    print(run)

def bare():
    print("ran bare")

def any_way(*args, **kwargs):
    print("ran any_way")

def other(text):
    pass

def two(run, text):
    pass

def behind(run, /):
    pass

@functools.lru_cache
def wrapped(run):
    pass

def make():
    def inner(run):
        pass
    return inner

class Tools:
    def __init__(self, run):
        print("ran Tools")

    @staticmethod
    def go(run):
        pass

if True:
    def within(run):
        print("ran within")

number = 3
"""
HELPERS = """
def send(run): print("ran send")
def tell(run): print("ran tell")
def done(run): print("ran helpers.done")
"""
TAIL = """
def late(run):
    print("ran late")

if __name__ == "__main__":
    started = done
    SmallFlow()
"""

GOOD = {
    "done": "done",
    "'done'": "done",
    "bare": "bare",
    "any_way": "any_way",
    "Tools": "Tools",
    "'within'": "within",
    "tell": "tell",
    "'post'": "send",
    "'helpers.send'": "send",
    "'helpers.done'": "helpers.done",
    "'late'": "late",
}
"""What a decorator is given → what runs."""
BAD = {
    "lambda run: None": "found a lambda, but Metaflow looks for '<lambda>' in the flow's file, where it is not; ",
    "'nowhere'": "found 'nowhere', but Metaflow looks for 'nowhere' in the flow's file, where it is not",
    "'started'": "found 'started', but Metaflow looks for 'started' in the flow's file, where it is not",
    "'missing.module.function'": "found 'missing.module.function', which cannot be imported: ModuleNotFoundError: ",
    "'helpers.nothing'": "found 'helpers.nothing', which cannot be imported: AttributeError: module 'helpers' has no ",
    "make()": "found the function make.<locals>.inner, but Metaflow looks for 'inner' in the flow's file",
    "Tools.go": "found the function Tools.go, but Metaflow looks for 'go' in the flow's file",
    "post": "found the function send, but Metaflow looks for 'send' in the flow's file",
    "helpers.done": "found the function done, but 'done' is something else in the flow's file, which would run instead",
    "other": "found the function other, which cannot be called: missing a required argument: 'text'",
    "two": "found the function two, which cannot be called: missing a required argument: 'text'",
    "behind": "found the function behind, which cannot be called: 'run' parameter is positional only",
    "wrapped": "found the function wrapped, which cannot be called: unsupported callable",
    "'number'": "found 'number', which cannot be called: ",
}


def lay_out(folder: Path, decorators: str) -> Path:
    flow = write_flow(folder, head=HEAD, decorators=decorators, body=STEPS)
    text = flow.read_text(encoding="utf-8").partition("\n\nif __name__ ==")[0]
    flow.write_text(f"{text}{TAIL}", encoding="utf-8")
    (folder / "helpers.py").write_text(HELPERS)
    return flow


def compiled(flow: Path) -> None:
    compile_flow(CompileRequest(flow, "argo", folder="flow"), warn=lambda _: None)


def script(flow: Path, name: str) -> subprocess.CompletedProcess[str]:
    """What the pod of an exit hook runs."""
    return subprocess.run(
        [sys.executable, "-m", "metaflow.plugins.exit_hook.exit_hook_script", flow.name, name, "SmallFlow/argo-a"],
        cwd=flow.parent,
        env={**os.environ, "METAFLOW_HOME": str(flow.parent), "METAFLOW_DEFAULT_METADATA": "local", "USER": "tester"},
        capture_output=True,
        text=True,
        check=False,
    )


def name_of(given: str) -> str:
    if given.startswith("lambda"):
        return "<lambda>"
    return (
        given.strip("'")
        if given.startswith("'")
        else {"make()": "inner", "post": "send"}.get(given, given.rpartition(".")[2])
    )


def test_hooks_that_run(tmp_path: Path) -> None:
    flow = lay_out(tmp_path, f"@exit_hook(on_success=[{', '.join(GOOD)}])\n@exit_hook(on_success=[done])")
    compiled(flow)
    for given, runs in GOOD.items():
        found = script(flow, name_of(given))
        assert (found.returncode, f"ran {runs}" in found.stdout.splitlines()) == (0, True), found


def test_hooks_that_would_not_run(tmp_path: Path) -> None:
    flow = lay_out(
        tmp_path,
        f"@exit_hook(on_success=[done])\n@exit_hook(on_error=[{', '.join(BAD)}])\n@exit_hook(on_success='done')",
    )
    line = flow.read_text().splitlines().index("@exit_hook(on_success=[done])") + 1
    with pytest.raises(FlowInfraError) as raised:
        compiled(flow)
    said = str(raised.value)
    for given, words in BAD.items():
        assert f"{flow}:{line + 1}: @exit_hook of SmallFlow: on_error: {words}" in said, given
        found = script(flow, name_of(given))
        assert found.returncode != 0 or "ran done" in found.stdout, given
    assert (
        f"{flow}:{line + 2}: @exit_hook of SmallFlow: on_success: found 'done', allowed: a list, such as ['done']"
        in said
    )
    assert said.count("@exit_hook of") == len(BAD) + 1


def test_a_hook_that_is_given_twice_with_other_options(tmp_path: Path) -> None:
    again = "@exit_hook(on_error=[done], options={'image': 'b:1'})\n@exit_hook(on_error=['done'], on_success=[done])"
    with pytest.raises(
        FlowInfraError, match="@exit_hook of SmallFlow: on_error: found 'done' twice, with other options"
    ):
        compiled(lay_out(tmp_path, again))


@pytest.mark.parametrize(("metadata", "warned"), [("local", True), ("service", False)])
def test_functions_that_are_given_no_run(metadata: str, warned: bool, tmp_path: Path) -> None:
    flow = lay_out(tmp_path, "@exit_hook(on_success=[done])")
    warnings: list[str] = []
    shape = shape_of("argo", {"metadata": metadata})
    compile_flow(CompileRequest(flow, "argo", shape, folder="flow"), warn=warnings.append)
    words = "@exit_hook of SmallFlow: a function that takes `run` is given None"
    assert any(words in text for text in warnings) == warned, warnings
    # and so it is
    assert not warned or "None" in script(flow, "shown").stdout.splitlines()
