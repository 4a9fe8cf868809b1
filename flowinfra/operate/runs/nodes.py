"""A workflow as Argo keeps it: how far its run is, what failed and why. Pure.

Each task of Metaflow is a node of a template that names its step by the annotation `metaflow/step_name`; one that is
tried again is a node of the type `Retry`, whose children are the attempts
(https://argo-workflows.readthedocs.io/en/latest/fields/#nodestatus).
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowinfra.operate.runs.history import Failure
from flowinfra.operate.runs.progress import Step, Task
from flowinfra.targets.argo.names import STEP

Manifest = Mapping[str, Any]

_STATUS = {"Succeeded": "SUCCEEDED", "Failed": "FAILED", "Error": "FAILED", "Running": "RUNNING"}
"""Phase of a node → Batch's word for a task; all others wait."""
_NO_TASK = ("Skipped", "Omitted")
"""Phases of what does not run."""
_NOT_BEGUN = "Argo's workflow controller has not begun with it"
_NO_REASON = "Argo gives no reason"
_CODE = re.compile(r"(?:main: )?(.*?\(exit code \d+\))")
_RAISED = re.compile(r"(?:\S+Z )?([A-Za-z_][\w.]*(?:Error|Exception)(?:: .*)?)")
_LONGEST_POD = 253
_HASH = 10


def status(workflow: Manifest) -> str:
    """Argo's phase in capitals; PENDING for a workflow that its controller has not looked at."""
    return str(workflow.get("status", {}).get("phase") or "Pending").upper()


def ended(workflow: Manifest) -> bool:
    """Whether the run is over."""
    return status(workflow) not in ("PENDING", "RUNNING")


def time(text: str | None) -> datetime | None:
    """A time of Kubernetes."""
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00"))


def stored(workflow: Manifest) -> Manifest | None:
    """The WorkflowTemplate's `spec` that a workflow began with; None before Argo has stored it in there."""
    found: Manifest | None = workflow.get("status", {}).get("storedWorkflowTemplateSpec")
    return found


def steps(workflow: Manifest, spec: Manifest) -> tuple[Step, ...]:
    """Steps in the order in which they run, with their tasks so far.

    Args:
        workflow: as the cluster has it.
        spec: the WorkflowTemplate's, as the workflow has it (`stored`), or as it is now.
    """
    seen = _Seen.of(workflow, spec)
    found: list[Step] = []
    for name, sources in seen.order.items():
        tasks = tuple(seen.task(node) for node in seen.of_step(name))
        if not found and not tasks and status(workflow) == "PENDING":
            tasks = (Task("", "RUNNABLE", 0, _said(workflow.get("status", {})) or _NOT_BEGUN),)
        expected = sum(seen.splits(node) for node in seen.of_step(sources[-1])) if sources else 0
        found.append(Step(name, max(1, expected, len(tasks)), tasks))
    return tuple(found)


def failure(workflow: Manifest, spec: Manifest) -> Failure | None:
    """Why a run did not succeed; None for one that runs or did.

    Args:
        workflow: as the cluster has it.
        spec: as for `steps`.
    """
    if not ended(workflow) or status(workflow) == "SUCCEEDED":
        return None
    seen = _Seen.of(workflow, spec)
    said = _said(workflow["status"])
    failed = [node for name in seen.order for node in seen.of_step(name) if _word(node) == "FAILED"]
    if not failed:
        hint = " (Argo keeps the steps in a database of its own: `argo get` shows them)" if offloaded(workflow) else ""
        return Failure(None, (said or _NO_REASON) + hint)
    # the first: what ran beside it ends after it, for Argo starts nothing more
    node = min(failed, key=lambda each: (each.get("finishedAt") or "~", each["id"]))
    attempt = seen.attempts(node)[-1] if seen.attempts(node) else node
    return Failure(
        step=seen.steps[node["templateName"]],
        reason=_said(attempt) or _said(node) or said or _NO_REASON,
        task=pod(workflow, attempt),
        exit_code=_exit_code(attempt),
        # the pod of a JobSet's node only makes that one: its tasks have pods of their own
        log_stream=None if node["templateName"] in seen.of_job_sets else pod(workflow, attempt),
    )


def pod(workflow: Manifest, node: Manifest) -> str:
    """Name of a node's pod, as Argo makes it (its `workflow/util/pod_name.go`; templates here are none inline)."""
    metadata = workflow["metadata"]
    if metadata.get("annotations", {}).get("workflows.argoproj.io/pod-name-format") == "v1":
        return str(node["id"])
    name = metadata["name"]
    prefix = f"{name}-{node['templateName']}"[: _LONGEST_POD - _HASH - 1]
    return f"{prefix}-{node['id'].removeprefix(name + '-')}"


def offloaded(workflow: Manifest) -> bool:
    """Whether Argo keeps the workflow's nodes in a database of its own, and not in the cluster."""
    found = workflow.get("status", {})
    return bool(found.get("offloadNodeStatusVersion")) and not found.get("nodes")


@dataclass
class _Seen:
    """Nodes of a workflow, and the steps that they are of."""

    nodes: Mapping[str, Manifest]
    steps: Mapping[str, str]
    """Template → step."""
    order: Mapping[str, tuple[str, ...]]
    """Step → steps that begin the foreaches around it, outermost first."""
    retried: frozenset[str]
    """Ids of the nodes that are attempts."""
    of_job_sets: frozenset[str]
    """Templates whose tasks are those of a JobSet."""

    @classmethod
    def of(cls, workflow: Manifest, spec: Manifest) -> _Seen:
        found = workflow.get("status", {})
        templates = {each["name"]: each for each in spec["templates"]}
        steps = {
            name: each["metadata"]["annotations"][STEP]
            for name, each in templates.items()
            if STEP in (each.get("metadata", {}).get("annotations") or {})
        }
        nodes = found.get("nodes") or {}
        if not nodes and found.get("compressedNodes"):
            nodes = json.loads(gzip.decompress(base64.b64decode(found["compressedNodes"])))
        retried = {id for each in nodes.values() if each["type"] == "Retry" for id in each.get("children", ())}
        order: dict[str, tuple[str, ...]] = {}
        for step, sources in _walk(templates, steps, spec["entrypoint"], (), set()):
            order.setdefault(step, sources)
        job_sets = frozenset(name for name, each in templates.items() if "resource" in each)
        return cls(nodes, steps, order, frozenset(retried), job_sets)

    def of_step(self, name: str) -> list[Manifest]:
        """Nodes that are a step's tasks, with all attempts of each; in the order in which they began."""
        found = [
            node
            for node in self.nodes.values()
            if node["type"] in ("Pod", "Retry")
            and self.steps.get(node.get("templateName", "")) == name
            and node["id"] not in self.retried
            and node.get("phase") not in _NO_TASK
        ]
        return sorted(found, key=lambda node: (node.get("startedAt") or "", node["id"]))

    def attempts(self, node: Manifest) -> list[Manifest]:
        """Nodes of the attempts of a task, in their order; hooks of it are none."""
        if node["type"] != "Retry":
            return []
        children = (self.nodes[id] for id in node.get("children", ()) if id in self.nodes)
        return [each for each in children if each["type"] == "Pod" and each["templateName"] == node["templateName"]]

    def task(self, node: Manifest) -> Task:
        """What a node says of its task."""
        attempts = self.attempts(node) or [node]
        last, word = attempts[-1], _word(node)
        if word == "RUNNING":  # where an attempt has failed, the next is to come
            word = {"FAILED": "RUNNABLE"}.get(_word(last), _word(last))
        begun = [each for each in attempts if _word(each) != "RUNNABLE"]
        return Task(
            id=last["id"],
            status=word,
            attempts=len(begun),
            reason=_said(last) or _said(node),
            exit_code=_exit_code(last),
            started=_seconds(begun[0].get("startedAt")) if begun else None,
            stopped=_seconds(node.get("finishedAt")) if word in ("SUCCEEDED", "FAILED") else None,
        )

    def splits(self, node: Manifest) -> int:
        """Tasks that the foreach has which a task begins; 0 where it has not said it."""
        given = node.get("outputs", {}).get("parameters", ())
        text = next((each.get("value") for each in given if each["name"] == "num-splits"), None)
        return len(json.loads(text)) if text else 0


def _walk(
    templates: Mapping[str, Manifest], steps: Mapping[str, str], name: str, sources: tuple[str, ...], been: set[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Steps from a template on; one that leads to itself is a loop of a switch."""
    if name in been or name not in templates:
        return
    been.add(name)
    if name in steps:
        yield steps[name], sources
        return
    template = templates[name]
    tasks = template.get("dag", {}).get("tasks") or [task for group in template.get("steps", ()) for task in group]
    for task in tasks:
        begins = str(task.get("withParam", "")).removeprefix("{{tasks.").partition(".outputs.")[0]
        by_name = {each["name"]: each.get("template", "") for each in tasks}
        around = (*sources, steps[by_name[begins]]) if steps.get(by_name.get(begins, "")) else sources
        yield from _walk(templates, steps, task.get("template", ""), around, been)


def _word(node: Manifest) -> str:
    return _STATUS.get(node.get("phase", ""), "RUNNABLE")


def _said(told: Manifest) -> str | None:
    """What a node or workflow says, in one line.

    Argo has the pods of tasks say the end of their log where they fail: of that, the exception is told.
    """
    message = told.get("message")
    if not message or "\n" not in message:
        return message or None
    code, lines = _CODE.match(message), message.splitlines()
    raised = [found[1] for line in lines if (found := _RAISED.fullmatch(line))]
    return ": ".join([code[1] if code else lines[0], *raised[-1:]])


def _exit_code(node: Manifest) -> int | None:
    code = node.get("outputs", {}).get("exitCode")
    return None if code is None else int(code)


def _seconds(text: str | None) -> float | None:
    found = time(text)
    return found.timestamp() if found else None
