"""Previews made by hand, in the form in which Pulumi 3.250 prints them."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from flowinfra.engine.preview import parse_preview
from flowinfra.report.assemble import Report, StackReport, assemble
from flowinfra.report.sources import Sources
from flowinfra.report.words import plain

FLOW_TYPE = "flowinfra:aws:StepFunctionsFlow"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}

TRAIN: dict[str, Any] = {
    "flow": "TrainFlow",
    "file": "train.py",
    "target": "step-functions",
    "name": "TrainFlow",
    "steps": {
        "start": {"kind": "split", "next": "a, b", "cpu": 1, "memory": 4096, "image": "python:3.11"},
        "a": {"next": "join", "cpu": 1, "memory": 4096, "image": "python:3.11", "retries": 3},
        "b": {"next": "join", "cpu": 2, "memory": 4096, "image": "python:3.11"},
        "join": {"kind": "join", "next": "end", "cpu": 1, "memory": 4096, "image": "python:3.11"},
        "end": {"cpu": 1, "memory": 4096, "image": "python:3.11"},
    },
    "parameters": {"alpha": {"type": "float", "default": 0.01}},
    "max_workers": 100,
    "schedule": {"cron": "0 0 * * ? *", "enabled": True},
    "source": {"train.py": "aaaaaaaaaaaa", "shared.py": "bbbbbbbbbbbb"},
    "package": "cccccccccccc",
    "metaflow": "2.19.39",
    "metaflow_files": "dddddddddddd",
    "python": "3.11",
    "datastore": "s3://bucket/metaflow",
    "queue": "jobs",
    "table": "foreach",
}


def changed(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `base` with values put in by path (`steps.a.memory`); None takes a key out."""
    copied: dict[str, Any] = copy.deepcopy(dict(base))
    for path, value in changes.items():
        *parents, key = path.split(".")
        place = copied
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    return copied


def urn(kind: str, name: str, stack: str = "staging", parents: str = "") -> str:
    return f"urn:pulumi:{stack}::project::{parents}{kind}::{name}"


def flow_step(
    op: str,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    name: str = "TrainFlow",
    **more: Any,
) -> dict[str, Any]:
    """The step of a flow's component."""
    return resource(op, FLOW_TYPE, name, old, new, custom=False, parent=None, **more)


def resource(
    op: str,
    kind: str,
    name: str,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    *,
    parent: str | None = urn(FLOW_TYPE, "TrainFlow"),
    custom: bool = True,
    retained: bool = False,
    reasons: tuple[str, ...] = (),
    stack: str = "staging",
) -> dict[str, Any]:
    """A step of any resource, by default one of TrainFlow's."""
    name_in_stack = urn(kind, name, stack, f"{FLOW_TYPE}$" if parent else "")

    def state(inputs: Mapping[str, Any]) -> dict[str, Any]:
        found = {
            "urn": name_in_stack,
            "custom": custom,
            "type": kind,
            "inputs": dict(inputs),
            "retainOnDelete": retained,
        }
        return found | ({"parent": parent.replace("::staging", stack)} if parent else {})

    step: dict[str, Any] = {"op": op, "urn": name_in_stack, "detailedDiff": None}
    if old is not None:
        step["oldState"] = state(old)
    if new is not None:
        step["newState"] = state(new)
    if reasons:
        step["replaceReasons" if "replace" in op else "diffReasons"] = list(reasons)
    return step


def report(*steps: dict[str, Any], sources: Sources | None = None, **more: Any) -> Report:
    """A report of one stack's steps."""
    document = {"steps": list(steps), "changeSummary": {}, **more}
    return assemble([parse_preview(json.dumps(document).encode(), "staging.json")], sources or Sources())


def stack(*steps: dict[str, Any], **more: Any) -> StackReport:
    return report(*steps, **more).stacks[0]


def risks(*steps: dict[str, Any]) -> list[tuple[str, str]]:
    """Kind and words of every risk."""
    return [(risk.kind, plain(risk.line)) for _, risk in stack(*steps).all_risks]


def update(changes: Mapping[str, Any], base: Mapping[str, Any] = TRAIN) -> dict[str, Any]:
    """The step of a flow of which some inputs change, by their path."""
    return flow_step("update", base, changed(base, changes))
