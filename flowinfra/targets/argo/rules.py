"""What Argo would refuse of a workflow, known before anything is sent.

The rules are Argo's (workflow/validate/validate.go) and Kubernetes'; the tests hold them to Argo's own validation, by
flows that are drawn at random among others. Most of them Metaflow keeps by itself: what is left are names of steps that
meet those that it makes, and graphs that a version of it takes apart wrongly.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.model.base import Json
from flowinfra.targets.argo.texts import OPENING

Object = Mapping[str, Any]

_LONGEST = 128
_FIELD = re.compile(rf"[A-Za-z0-9][A-Za-z0-9-]{{0,{_LONGEST - 1}}}")
"""Name of a template or task: isValidWorkflowFieldName, workflowFieldMaxLength."""
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
"""Name of an object: NameIsDNSSubdomain of k8s.io/apimachinery."""
_LABEL = 63
"""Characters of a label's value; a run's name is one, on all of its pods, and Argo checks it (maxCharsInObjectName)."""
_DRAWN = len("-xxxxx")
"""What Kubernetes draws for the name of each run (`generateName`)."""
_TIME = len("-1615836720")
"""What Argo puts behind the name of a CronWorkflow for each run (maxCharsInCronWorkflowName)."""
_OUTPUT = re.compile(r"\{\{(?:tasks|steps)\.([\w-]+)\.outputs\.parameters\.([\w-]+)\}\}")
_INPUT = re.compile(r"\{\{inputs\.parameters\.([\w-]+)\}\}|\{\{=[^{}]*?inputs\.parameters\['([\w-]+)'\]")
_BEFORE = re.compile(r"([\w-]+)\.(?:Succeeded|Failed|Skipped|Errored|Omitted|Daemoned|AnySucceeded|AllFailed)\b")
"""A task in another one's `depends`."""

_TAG = re.compile(r"\{\{((?:(?!\}\}).)*)(?:\}\})?", re.DOTALL)
_KNOWN = re.compile(r"=.*|retries|item|(item|steps|inputs|outputs|pod|workflow|tasks|node)\..*", re.DOTALL)
"""What Metaflow has Argo put in: an expression, or one of Argo's variables (GlobalVarValidWorkflowVariablePrefix)."""


@dataclass(frozen=True)
class Fault:
    """What is wrong."""

    step: str | None
    """The step that it is about; None where it is the whole flow."""
    words: str


def faults(template: Object, cron_workflow: Object | None, steps: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with the objects of a flow, with the names of its steps."""
    in_project = "metaflow/project_name" in template["metadata"].get("annotations", {})
    remedy = "rename the flow's class" if in_project else "give another `name`"
    yield from _object_name(template["metadata"]["name"], cron_workflow is not None, remedy)
    found = list(_names(template["spec"], steps))
    yield from found or _references(template["spec"], steps)


def _object_name(name: str, scheduled: bool, remedy: str) -> Iterator[Fault]:
    limit = _LABEL - (_TIME if scheduled else _DRAWN)
    if not _SUBDOMAIN.fullmatch(name):
        yield Fault(
            None,
            f"the workflow's name would be {name!r}; Kubernetes takes small letters, digits, - and ., with a letter "
            f"or digit at each end and beside each dot; {remedy}",
        )
    if len(name) > limit:
        yield Fault(
            None,
            f"the workflow's name {name!r} has {len(name)} characters; allowed are {limit}, for Argo puts the number "
            f"of a run behind it; {remedy}",
        )


def _names(spec: Object, steps: Mapping[str, Any]) -> Iterator[Fault]:
    """Names that Argo does not take, or that two things have."""
    by_name = {step.replace("_", "-"): step for step in steps}
    templates: list[str] = [template["name"] for template in spec["templates"]]
    groups = [templates, *([task["name"] for task in tasks] for tasks in _calls(spec))]
    twice = {name for group in groups for name, times in Counter(group).items() if times > 1}
    for name in sorted(twice):
        if name in by_name:
            yield Fault(
                by_name[name],
                f"its name is the one of a part of the workflow that Metaflow adds ({name}), and Argo takes no two of "
                "a name; rename the step",
            )
        else:
            yield Fault(
                _step_of(name, by_name),
                f"two parts of the workflow would have the name {name!r}, and Argo takes no two of a name; rename a "
                "step, or what a foreach goes over",
            )
    for name in sorted({name for group in groups for name in group if not _FIELD.fullmatch(name)}):
        if len(name) > _LONGEST:
            words = (
                f"has {len(name)} characters, allowed are {_LONGEST}; rename the step, or what its foreach goes over"
            )
        else:
            words = "Argo takes the letters a to z, digits and dashes; rename what the foreach goes over"
        yield Fault(_step_of(name, by_name), f"a part of the workflow would have the name {name!r}: {words}")


def _step_of(name: str, by_name: Mapping[str, str]) -> str | None:
    """The step that a template is named after: by its own name, or with what Metaflow puts behind or before it."""
    bare = name.removeprefix("recursive-")
    near = [known for known in by_name if bare == known or bare.startswith(f"{known}-foreach-")]
    return by_name[max(near, key=len)] if near else None


def _calls(spec: Object) -> Iterator[list[Object]]:
    """The tasks of each graph and sequence of a workflow."""
    for template in spec["templates"]:
        if "dag" in template:
            yield template["dag"]["tasks"]
        if "steps" in template:
            yield [step for group in template["steps"] for step in group]


def _references(spec: Object, steps: Mapping[str, Any]) -> Iterator[Fault]:
    """Parts that speak of others that are not there, or do not get what they need."""
    by_name = {step.replace("_", "-"): step for step in steps}
    templates = {template["name"]: template for template in spec["templates"]}
    roots = {spec["entrypoint"], spec.get("onExit"), *(hook["template"] for hook in spec.get("hooks", {}).values())}
    for name in sorted(roots - {None} - templates.keys()):
        yield Fault(None, _wrongly(f"the workflow starts with {name!r}, which is not there"))
    graphs = [template["dag"] for template in spec["templates"] if "dag" in template]
    run = Counter(task["template"] for graph in graphs for task in graph["tasks"])
    for name, step in by_name.items():
        if run[name] != 1:
            yield Fault(step, _wrongly(f"{run[name] or 'no'} parts of it run the step, which one is to run"))
    for name, template in templates.items():
        own = {entry["name"] for entry in template.get("inputs", {}).get("parameters", ())}
        calls = [*_called(template)]
        for tag in sorted({tag for tag in _TAG.findall(_text(template)) if not _KNOWN.fullmatch(tag)}):
            found = OPENING + tag[:40]
            yield Fault(
                _step_of(name, by_name),
                f"a text {found!r} of the flow comes into the workflow, but Argo puts something else in where {{{{ "
                "stands; write it without two braces that follow each other",
            )
        inside = _text({key: value for key, value in template.items() if key != "inputs"})
        for used in sorted({one or two for one, two in _INPUT.findall(inside)} - own):
            yield Fault(_step_of(name, by_name), _wrongly(f"{name!r} takes {used!r}, which it does not get"))
        for call in calls:
            for words in _call_faults(call, {task["name"]: task for task in calls}, templates):
                yield Fault(_step_of(call["name"], by_name), _wrongly(words))


def _called(template: Object) -> list[Object]:
    return [call for calls in _calls({"templates": [template]}) for call in calls]


def _call_faults(call: Object, beside: Mapping[str, Object], templates: Mapping[str, Object]) -> Iterator[str]:
    """What is wrong with one task among those beside it."""
    name, called = call["name"], templates.get(call["template"])
    if called is None:
        yield f"{name!r} runs {call['template']!r}, which is not there"
        return
    for before in sorted(set(_BEFORE.findall(call.get("depends", ""))) - beside.keys()):
        yield f"{name!r} waits for {before!r}, which is not beside it"
    for task, output in sorted(set(_OUTPUT.findall(_text(call)))):
        if task not in beside:
            yield f"{name!r} takes what {task!r} gives, which is not beside it"
        elif output not in _parameters(templates.get(beside[task]["template"], {}), "outputs"):
            yield f"{name!r} takes {output!r} of {task!r}, which does not give it"
    supplied = {entry["name"] for entry in call.get("arguments", {}).get("parameters", ())}
    inputs = _parameters(called, "inputs")
    wanted = {key for key, entry in inputs.items() if not entry.keys() & {"value", "valueFrom", "default"}}
    for missing in sorted(wanted - supplied):
        yield f"{name!r} needs {missing!r}, which it does not get"


def _parameters(template: Object, side: str) -> dict[str, Object]:
    return {entry["name"]: entry for entry in template.get(side, {}).get("parameters", ())}


def _wrongly(words: str) -> str:
    return (
        f"this Metaflow makes a workflow of the graph here that Argo does not run: {words}; lay the steps out in "
        "another way (a switch in a foreach, or a foreach in a switch, with a step before and after it), or use a "
        "newer Metaflow"
    )


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
