"""Names: those that Metaflow makes for Argo fit, and where one meets a name of the flow, the preview says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow, compile_flows
from flowinfra.errors import FlowInfraError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets import shape_of
from flowinfra.targets.argo.rules import faults
from tests.judge import prepared, problems
from tests.unit.argo_bound import bound_objects
from tests.unit.sources import gang, request, write_flow

HOOKS = "def ended(run): pass\ndef Ended(run): pass\ndef größer(run): pass\ndef _late_(run): pass\n"


def compiled(folder: Path, parts: dict[str, str], **shape: object) -> CompiledFlow:
    flow = write_flow(folder, **parts)
    return compile_flow(CompileRequest(flow, "argo", shape_of("argo", shape), folder="flow"), warn=lambda _: None)


def line(*names: str) -> str:
    """Steps one behind the other, `start` and `end` included."""
    following = [*names, "end"]
    return "".join(
        f"    @step\n    def {name}(self):\n        self.next(self.{after})\n\n"
        for name, after in zip(["start", *names], following, strict=True)
    ) + ("    @step\n    def end(self):\n        pass\n")


def foreach(items: str, join: str = "join") -> str:
    """A foreach of `start`."""
    return f"""
    @step
    def start(self):
        self.next(self.work, foreach={items!r})

    @step
    def work(self):
        self.next(self.{join})

    @step
    def {join}(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


LOOP = """
    @step
    def start(self):
        self.next(self.improve)

    @step
    def improve(self):
        self.next({"again": self.improve, "done": self.recursive_improve}, condition="verdict")

    @step
    def recursive_improve(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""

SWITCH = """
    @step
    def start(self):
        self.next({"a": self.one, "b": self.two}, condition="which")

    @step
    def one(self):
        self.next(self.meet)

    @step
    def two(self):
        self.next({"again": self.two, "done": self.meet}, condition="which")

    @step
    def meet(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""

CLAIMS = "@kubernetes(persistent_volume_claims={'my.pvc-1': '/a', 'out': '/b', 'dhsm': '/c'}, shared_memory=64)"
GANG = gang(CLAIMS, CLAIMS)

TAKEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "underscore": ({"name": "Daily_Report"}, {}),
    "underscore at the end": ({"name": "Daily_"}, {}),
    "underscore in front": ({"name": "_Daily", "decorators": "@schedule(daily=True)"}, {}),
    "other letters": ({"name": "Größe"}, {"name": "groesse"}),
    "long class": ({"name": "A" * 200}, {"name": "short"}),
    "longest name": ({"decorators": "@schedule(daily=True)"}, {"name": "a" * 45}),
    "class and step": ({"name": "train", "body": line("train")}, {}),
    "class and start": ({"name": "start"}, {}),
    "class and foreach": ({"name": "start", "body": foreach("Items_")}, {}),
    "class and step where branches meet": ({"name": "meet", "body": SWITCH}, {}),
    "class of its own": ({"name": "Other", "body": SWITCH}, {}),
    "class and step that repeats itself": ({"name": "two", "body": SWITCH}, {}),
    "steps": ({"body": line("load_", "a__b", "x" * 128)}, {}),
    "hooks": (
        {"head": HOOKS, "decorators": "@exit_hook(on_success=[ended, Ended, größer, _late_], on_error=[ended])"},
        {},
    ),
    "hooks twice": ({"head": HOOKS, "decorators": "@exit_hook(on_success=[ended, ended])"}, {}),
    "hook and step": (
        {"head": HOOKS, "decorators": "@exit_hook(on_success=[ended])", "body": line("success_ended")},
        {},
    ),
    "claims": ({"body": GANG}, {}),
    "notification and step": (
        {"body": line("notify_slack_on_error")},
        {"notify_on_error": True, "notify_slack": "alerts/slack"},
    ),
}


def test_names_that_fit(tmp_path: Path) -> None:
    versions = prepared()
    requests = [
        request(write_flow(tmp_path / name.replace(" ", "-"), **parts), target="argo", **shape)
        for name, (parts, shape) in TAKEN.items()
    ]
    flows = dict(zip(TAKEN, map(bound_objects, compile_flows(requests, warn=lambda _: None)), strict=True))
    for version in versions:
        assert problems(version, flows) == {}
    by_name = {flow[0]["metadata"]["name"]: flow[0]["spec"] for flow in flows.values()}
    outputs = {
        name: {entry["name"]: entry.get("outputs") for entry in by_name[name]["templates"] if "dag" not in entry}
        for name in ("meet", "two", "other")
    }
    assert outputs["meet"] == outputs["two"] == outputs["other"]
    assert by_name["meet"]["entrypoint"] == "meet-2"
    assert by_name["two"]["entrypoint"] == "two-2"


def test_every_hook_runs_its_own_template(tmp_path: Path) -> None:
    template = bound_objects(compiled(tmp_path, TAKEN["hooks"][0]))[0]
    by_name = {entry["name"]: entry for entry in template["spec"]["templates"]}
    run = {
        name: by_name[hook["template"]]["container"]["command"][-1]
        for name, hook in template["spec"]["hooks"].items()
        if "exit_hook_script" in str(by_name[hook["template"]])
    }
    assert {
        name: [word for word in ("ended", "Ended", "größer", "_late_") if f" {word} " in run[name]] for name in run
    } == {
        "success-ended": ["ended"],
        "success-Ended": ["Ended"],
        "success-größer": ["größer"],
        "success--late-": ["_late_"],
        "error-ended": ["ended"],
    }


@pytest.mark.parametrize(
    ("parts", "shape", "words"),
    [
        (
            {"body": foreach("items", "start_foreach_items")},
            {},
            ["<flow>:16: step start_foreach_items: ", "(start-foreach-items)", "rename the step"],
        ),
        (
            {"body": foreach("größen")},
            {},
            ["<flow>:8: step start: ", "'start-foreach-größen'", "the foreach goes over"],
        ),
        ({"body": LOOP}, {}, ["<flow>:16: step recursive_improve: ", "(recursive-improve)"]),
        (
            {"body": line("error_msg_capture_hook", "capture_error_hook_fn_preflight")},
            {},
            ["<flow>:11: step error_msg_capture_hook: ", "<flow>:15: step capture_error_hook_fn_preflight: "],
        ),
        (
            {"body": line("heartbeat_daemon", "heartbeat_daemon_task")},
            {"heartbeat": True},
            ["<flow>:11: ", "<flow>:15: "],
        ),
        ({"body": line("x" * 129)}, {}, ["<flow>:11: step xxx", "has 129 characters, allowed are 128"]),
        ({"name": "Größe"}, {}, ["<flow>: the workflow's name would be 'größe'", "give another `name`"]),
        ({}, {"name": "a.-b"}, ["<flow>: the workflow's name would be 'a.-b'"]),
        (
            {"name": "Größe", "decorators": "@project(name='fraud')"},
            {"production": True},
            ["<flow>: the workflow's name would be 'fraud.prod.größe'", "rename the flow's class"],
        ),
    ],
    ids=["join", "foreach", "loop", "capture", "heartbeat", "long", "class", "name", "project"],
)
def test_names_that_do_not_fit(
    parts: dict[str, str], shape: dict[str, object], words: list[str], tmp_path: Path
) -> None:
    with pytest.raises(FlowInfraError) as raised:
        compiled(tmp_path, parts, **shape)
    said = str(raised.value).replace(str(tmp_path / "flow.py"), "<flow>")
    assert [word for word in words if word not in said] == [], said


def workflow(*tasks: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A workflow of the steps `start` and `end`, with the tasks of its graph."""
    given = {"inputs": {"parameters": [{"name": "paths"}]}, "outputs": {"parameters": [{"name": "id"}]}}
    return {
        "metadata": {"name": "small"},
        "spec": {
            "entrypoint": "SmallFlow",
            "templates": [
                {"name": "SmallFlow", "dag": {"tasks": list(tasks)}},
                *({"name": name, "container": {"command": []}, **given} for name in ("start", "end")),
            ],
            **spec,
        },
    }


def task(name: str, paths: str | None = "x", **more: Any) -> dict[str, Any]:
    parameters = [] if paths is None else [{"name": "paths", "value": paths}]
    return {"name": name, "template": name, "arguments": {"parameters": parameters}, **more}


START, END = task("start"), task("end")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (workflow(START, task("end", "{{tasks.start.outputs.parameters.id}}", depends="start.Succeeded")), None),
        (workflow(START, task("end", depends="middle.Succeeded")), "'end' waits for 'middle', which is not beside it"),
        (
            workflow(START, task("end", "{{tasks.x.outputs.parameters.id}}")),
            "takes what 'x' gives, which is not beside it",
        ),
        (
            workflow(START, task("end", "{{tasks.start.outputs.parameters.y}}")),
            "takes 'y' of 'start', which does not give",
        ),
        (workflow(START, task("end", None)), "'end' needs 'paths', which it does not get"),
        (workflow(START, task("end", "{{inputs.parameters.y}}")), "'SmallFlow' takes 'y', which it does not get"),
        (
            workflow(START, task("end", "{{=int(inputs.parameters['y'])}}")),
            "'SmallFlow' takes 'y', which it does not get",
        ),
        (workflow(START, task("end", "inputs.parameters['y']")), None),
        (workflow(START, END, task("other")), "'other' runs 'other', which is not there"),
        (workflow(START, START, END), "its name is the one of a part of the workflow that Metaflow adds (start)"),
        (workflow(START), "no parts of it run the step, which one is to run"),
        (workflow(START, END, {**END, "name": "again"}), "2 parts of it run the step, which one is to run"),
        (workflow(START, END, entrypoint="Other"), "the workflow starts with 'Other', which is not there"),
        (workflow(START, END, onExit="Other"), "the workflow starts with 'Other', which is not there"),
    ],
)
def test_what_speaks_of_something_else_is_looked_up(template: dict[str, Any], words: str | None) -> None:
    found = [fault.words for fault in faults(template, None, {"start": None, "end": None})]
    assert found == [] if words is None else words in found[0]


@pytest.mark.parametrize(
    ("length", "scheduled", "fits"), [(57, False, True), (58, False, False), (52, True, True), (53, True, False)]
)
def test_a_run_has_a_name_that_fits_a_label(length: int, scheduled: bool, fits: bool) -> None:
    template = workflow(START, END)
    template["metadata"]["name"] = "a" * length
    found = [fault.words for fault in faults(template, {} if scheduled else None, {"start": None, "end": None})]
    assert bool(found) is not fits
