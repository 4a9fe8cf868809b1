"""Values of a flow that Metaflow does not look at, and that nothing could be made of: refused on every target."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import FlowInfraError
from flowinfra.targets import TARGETS, shape_of
from tests.unit.sources import STEPS, write_flow


def told(folder: Path, target: str, body: str = STEPS, **shape: object) -> list[str]:
    flow = write_flow(folder, body=body)
    with pytest.raises(FlowInfraError) as raised:
        compile_flow(CompileRequest(flow, target, shape_of(target, shape)))
    return [str(each).removeprefix(str(flow)) for each in raised.value.errors]


@pytest.mark.parametrize("target", TARGETS)
def test_help_of_a_parameter_is_text(target: str, tmp_path: Path) -> None:
    body = "    alpha = Parameter('alpha', default='1', help=5)\n" + STEPS
    assert told(tmp_path, target, body) == [": Parameter 'alpha': help: found 5, allowed: text"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("given", "kind"), [("a secret", "str"), ("[1]", "list"), ("5", "int")])
def test_variables_are_a_mapping(given: str, kind: str, target: str, tmp_path: Path) -> None:
    words = f"@environment: vars: found {kind}, allowed: a mapping of names to texts"
    assert told(tmp_path, target, decospecs=[f"environment:vars={given}"]) == [
        f":8: step start: {words}",
        f":12: step end: {words}",
    ]


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("'soon'", "step-functions"),
        ("float('inf')", "step-functions"),
        *(("-1", target) for target in TARGETS),
        *(("-0.5", target) for target in TARGETS),
    ],
)
def test_a_pause_is_a_time(given: str, target: str, tmp_path: Path) -> None:
    body = STEPS.replace("@step", f"@retry(minutes_between_retries={given})\n    @step", 1)
    [words] = told(tmp_path, target, body)
    assert words.startswith(": step start: @retry: minutes_between_retries: found ")
    assert words.endswith(", allowed: a number of minutes, 0 or more")
