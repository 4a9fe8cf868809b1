"""Flows that Argo does not take: what the compile says."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import FlowInfraError
from flowinfra.targets import shape_of
from flowinfra.targets.argo.options import ArgoOptions
from tests.unit.sources import STEPS, write_flow

FLOWS = Path(__file__).parents[1] / "flows"


@pytest.mark.parametrize(
    ("folder", "shape", "words"),
    [
        ("linear", {"name": "Bad_Name"}, ["Bad_Name", "lower case alphanumeric characters"]),
        ("linear", {"name": "a" * 46}, ["longer than 45"]),
        ("batch", {}, ["step devices: @batch: is for AWS Batch", "step start: @batch"]),
        ("trigger", {}, ["@trigger", "event"]),
        ("linear", {"compress": True}, ["compress is not an option of target argo"]),
        ("linear", {"steps": {"start": {"queue": "jobs"}}}, ["steps.start: 'queue' is for target step-functions"]),
    ],
)
def test_what_argo_does_not_take(folder: str, shape: dict[str, object], words: list[str]) -> None:
    with pytest.raises(FlowInfraError) as raised:
        compile_flow(CompileRequest(FLOWS / folder / "flow.py", "argo", shape_of("argo", shape)))
    message = str(raised.value)
    assert [word for word in words if word.lower() not in message.lower()] == [], message


def at_start(decorator: str) -> str:
    return STEPS.replace("@step", f"{decorator}\n    @step", 1)


def parameter(words: str) -> str:
    return f"    words = {words}\n{STEPS}"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"decorators": "@trigger(event='ready')", "body": parameter("Parameter('Words', default='a')")},
            "<flow>:6: parameter Words: is set by an event (@trigger), for which Metaflow wants its name in lower case",
        ),
        (
            {"decorators": "@schedule(daily=True)", "body": parameter("Parameter('words', required=True)")},
            "<flow>:6: Flow failed: The parameter words does not have a default and is required. ",
        ),
        (
            {"body": parameter("Parameter('script', default=1)")},
            "<flow>:6: Flow failed: Parameter name script is a reserved word ",
        ),
        (
            {"body": parameter("IncludeFile('words', default='missing.txt')")},
            "<flow>:6: Parameter field failed: When evaluating the field default for the Parameter words, ",
        ),
        (
            {"decorators": "@trigger(event='two words')"},
            "<flow>:4: @trigger of SmallFlow: Argo Workflows error: Invalid event name two words in @trigger ",
        ),
        (
            {"decorators": "@trigger_on_finish(flow={'name': 'OtherFlow', 'project': 'risk'})"},
            "<flow>:4: @trigger_on_finish of SmallFlow: Argo Workflows error: Incomplete project info. ",
        ),
        (
            {"decorators": "@schedule(cron=5)"},
            "<flow>:4: @schedule of SmallFlow: AttributeError: 'int' object has no attribute 'split'",
        ),
        (
            {"body": at_start("@kubernetes(labels={'a': 'b c'})")},
            "<flow>:9: step start: @kubernetes: labels.a: found 'b c', allowed: at most 63 letters, digits, ",
        ),
        (
            {"body": at_start("@kubernetes(port='http')")},
            "<flow>:9: step start: @kubernetes: port: found 'http', allowed: a port: a whole number from 1 to 65535",
        ),
        (
            {"body": parameter("Parameter('two words')")},
            f"<flow>: Metaflow {version('metaflow')} fails on it: TypeError: Could not determine name for option (",
        ),
    ],
    ids=[
        "capital-for-event",
        "required",
        "reserved",
        "include",
        "event-name",
        "incomplete-project",
        "cron",
        "label",
        "port",
        "metaflow-itself",
    ],
)
def test_one_line_names_what_is_refused_and_where(parts: dict[str, str], words: str, tmp_path: Path) -> None:
    flow = write_flow(tmp_path, **parts)
    with pytest.raises(FlowInfraError) as raised:
        compile_flow(CompileRequest(flow, "argo", ArgoOptions(events=True)))
    told = str(raised.value).replace(str(flow), "<flow>")
    assert told.startswith(words)
    assert "\n" not in told


REQUIRED = (
    "    alpha = Parameter('alpha', required=True)\n    beta = Parameter('beta', type=int, required=True)\n" + STEPS
)
BOTH = "@trigger(events=[{'name': 'a', 'parameters': {'alpha': 'x'}}, {'name': 'b', 'parameters': {'beta': 'y'}}])"


@pytest.mark.parametrize(
    ("decorator", "shape", "missing"),
    [
        ("@trigger_on_finish(flow='Other')", {}, {"alpha", "beta"}),
        ("@trigger_on_finish(flows=['Other', 'Another'])", {}, {"alpha", "beta"}),
        ("@trigger_on_finish(flow='Other')", {"parameters": {"alpha": "a"}}, {"beta"}),
        ("@trigger_on_finish(flow='Other')", {"parameters": {"alpha": "a", "beta": 0}}, set()),
        ("@trigger(event={'name': 'a', 'parameters': {'beta': 'x'}})", {}, {"alpha"}),
        ("@trigger(events=['a', 'b'])", {}, {"alpha", "beta"}),
        ("@trigger(event='a')", {}, set()),  # Metaflow takes all of the event's payload
        (BOTH, {}, set()),
        ("", {}, set()),  # somebody starts it, with values
    ],
)
def test_required_parameters_that_no_event_sets(
    decorator: str, shape: dict[str, object], missing: set[str], tmp_path: Path
) -> None:
    flow = write_flow(tmp_path, body=REQUIRED, decorators=decorator)
    request = CompileRequest(flow, "argo", shape_of("argo", {"events": True, **shape}), folder="flow")
    if not missing:
        assert compile_flow(request).flow.parameters.keys() == {"alpha", "beta"}
        return
    with pytest.raises(FlowInfraError) as raised:
        compile_flow(request)
    said = str(raised.value)
    lines = {"alpha": 6, "beta": 7}
    words = {
        f"{flow}:{lines[name]}: parameter {name}: is required and has no default, and no event" for name in missing
    }
    assert {word for word in words if word not in said} == set(), said
    assert said.count("is required and has no default") == len(missing)
