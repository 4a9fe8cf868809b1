"""A WorkflowTemplate as Metaflow makes it, and workflows of it as Argo's controller writes them down.

Keys and values are those of runs on Argo 4.1, as tests/cluster has them.
"""

from __future__ import annotations

import json
from typing import Any

WORKFLOW = "trainflow-x1"


def _task(name: str, template: str | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "template": template or name, **more}


def _step(name: str, **more: Any) -> dict[str, Any]:
    annotations = {"metaflow/step_name": name.replace("-", "_"), "metaflow/attempt": "0"}
    return {"name": name, "metadata": {"annotations": annotations}, "container": {"image": "python"}, **more}


def template() -> dict[str, Any]:
    """`start` with a foreach of `fit_one`, tried again once; `join`, a loop of a switch, `gang` of a JobSet, `end`."""
    spec = {
        "entrypoint": "TrainFlow",
        "onExit": "capture-error-hook-fn-preflight",
        "templates": [
            {
                "name": "TrainFlow",
                "dag": {
                    "failFast": True,
                    "tasks": [
                        _task("start"),
                        _task("start-foreach-items", withParam="{{tasks.start.outputs.parameters.num-splits}}"),
                        _task("join", depends="start-foreach-items.Succeeded"),
                        _task("loop-recursion"),
                        _task("gang"),
                        _task("end"),
                    ],
                },
            },
            {"name": "start-foreach-items", "dag": {"tasks": [_task("fit-one")]}},
            {"name": "loop-recursion", "dag": {"tasks": [_task("loop"), _task("again", "loop-recursion")]}},
            _step("start"),
            _step("fit-one", retryStrategy={"limit": 1, "retryPolicy": "Always"}),
            _step("join"),
            _step("loop"),
            {**_step("gang"), "resource": {"action": "create"}},
            _step("end"),
            {"name": "error-msg-capture-hook", "container": {"image": "python"}},
            {"name": "capture-error-hook-fn-preflight", "steps": [[_task("hook", "error-msg-capture-hook")]]},
        ],
    }
    annotations = {"metaflow/owner": "ann", "metaflow/production_token": "trainflow-0-abcd"}
    return {"metadata": {"name": "trainflow", "annotations": annotations}, "spec": spec}


def node(number: int, name: str, phase: str, **more: Any) -> dict[str, Any]:
    """A node: a pod of a template, unless `more` says otherwise."""
    found = {
        "id": f"{WORKFLOW}-{number}",
        "name": f"{WORKFLOW}.{name}",
        "displayName": name,
        "type": "Pod",
        "templateName": name,
        "templateScope": f"local/{WORKFLOW}",
        "phase": phase,
        "startedAt": f"2026-01-31T06:00:{number % 60:02}Z",
        **more,
    }
    if phase in ("Succeeded", "Failed", "Error"):
        found.setdefault("finishedAt", f"2026-01-31T06:01:{number % 60:02}Z")
    return found


def retried(number: int, name: str, phase: str, *attempts: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """A task that is tried again, with its attempts."""
    children = [each["id"] for each in attempts]
    return [node(number, name, phase, type="Retry", children=children, **more), *attempts]


def started(splits: int) -> dict[str, Any]:
    """The start of a foreach, over."""
    parameters = [
        {"name": "task-id", "value": "t-8f2c", "valueFrom": {"path": "/mnt/out/task_id"}},
        {"name": "num-splits", "value": json.dumps(list(range(splits))), "valueFrom": {"path": "/mnt/out/splits"}},
    ]
    return node(1, "start", "Succeeded", outputs={"exitCode": "0", "parameters": parameters})


def workflow(phase: str, *nodes: dict[str, Any], name: str = WORKFLOW, **status: Any) -> dict[str, Any]:
    """A workflow with what its controller says of it."""
    dag = node(0, "TrainFlow", phase, type="DAG", children=[])
    found = {each["id"]: each for each in (dag, *nodes)}
    over = {"finishedAt": "2026-01-31T07:00:05Z"} if phase in ("Succeeded", "Failed", "Error") else {"finishedAt": None}
    stored = {"storedWorkflowTemplateSpec": template()["spec"]}
    told = {"phase": phase, "startedAt": "2026-01-31T06:00:00Z", **over, "nodes": found, **stored, **status}
    annotations = {"workflows.argoproj.io/pod-name-format": "v2"}
    spec = {"workflowTemplateRef": {"name": "trainflow"}, "arguments": {}}
    return {"metadata": {"name": name, "annotations": annotations}, "spec": spec, "status": told}
