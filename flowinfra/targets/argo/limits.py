"""Limits of Kubernetes and Argo, checked on the bound objects before anything is sent: pure functions.

Sources: Argo refuses a Workflow over 1 MiB (MAX_WORKFLOW_SIZE), and a Workflow holds the whole spec of its template;
etcd refuses a request over 1.5 MiB; Kubernetes refuses annotations of more than 256 KiB on one object; kubelet starts
no pod whose host name, where that is to be the full one (`setHostnameAsFQDN`), has more than 64 characters. Those of
Linux are cited in `linux_limits`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping

from flowinfra.components.linux_limits import start_problems
from flowinfra.errors import BindError
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.metadata import ANNOTATIONS_BYTES
from flowinfra.targets.argo.bound import ArgoBound
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.names import STEP
from flowinfra.targets.argo.reading import step_containers

OBJECT_BYTES = 1_048_576
HOST_NAME = 64

_JOB_SET = "{{inputs.parameters.jobset-name}}"
_CONTROL = re.compile(rf"'({re.escape(_JOB_SET)}-control-0-0\.[^']+)'")
"""The host name of the first pod of a JobSet: the longest one of up to a hundred."""
_PARAMETER = re.compile(r"\{\{=toBase64\(workflow\.parameters\['([^']+)'\]\)\}\}")
"""A parameter in the command of the first step (`mends_argo.export_parameters`)."""
_DRAWN = 6
"""Characters that Metaflow draws for a JobSet's name when a run comes to the step."""


def flow_problems(compiled: ArgoCompiled, bound: ArgoBound) -> Iterator[BindError]:
    """What Argo or Kubernetes would refuse of the flow's own objects for their size."""
    who, steps = compiled.name, len(compiled.flow.steps)
    size = _size(bound.workflow_template)
    if size > OBJECT_BYTES:
        step, largest = _largest(bound.workflow_template)
        yield BindError(
            f"{who}: the WorkflowTemplate has {size:,} bytes for {steps} steps, allowed are {OBJECT_BYTES:,}; split "
            f"the flow, or give its steps fewer decorators and environment variables (the largest, {step!r}, "
            f"has {largest:,} bytes)"
        )
    metadata: Mapping[str, Json] = bound.workflow_template["metadata"]
    annotations = sum(
        len(key.encode()) + len(value.encode()) for key, value in (metadata.get("annotations") or {}).items()
    )
    if annotations > ANNOTATIONS_BYTES:
        yield BindError(
            f"{who}: the WorkflowTemplate's annotations, which hold the parameters' defaults and the graph, have "
            f"{annotations:,} bytes, allowed are {ANNOTATIONS_BYTES:,}; give large defaults as IncludeFile"
        )
    for kind, value in (("Sensor", bound.sensor), ("CronWorkflow", bound.cron_workflow)):
        if value is not None and _size(value) > OBJECT_BYTES:
            yield BindError(
                f"{who}: the {kind} has {_size(value):,} bytes, allowed are {OBJECT_BYTES:,}; give large defaults of "
                "parameters as IncludeFile"
            )
    yield from _start_problems(who, bound.workflow_template)
    yield from _host_name_problems(who, bound.workflow_template)


def _start_problems(who: str, workflow_template: Mapping[str, Json]) -> Iterator[BindError]:
    """Steps that would not start in a run with all defaults, which their command holds as base64."""
    arguments = workflow_template["spec"]["arguments"]["parameters"]
    encoded = {
        entry["name"]: base64.b64encode(entry["value"].encode()).decode() for entry in arguments if "value" in entry
    }
    large = ""
    if encoded:
        name = max(encoded, key=lambda name: len(encoded[name]))
        large = f", or parameters smaller defaults (the largest, {name!r}, has {len(encoded[name]):,} bytes in it)"
    found = []
    for entry in step_containers(workflow_template):
        words = [_PARAMETER.sub(lambda tag: encoded.get(tag[1], tag[0]), word) for word in entry.container["command"]]
        variables = ((each["name"], each["value"]) for each in entry.container["env"] if "value" in each)
        given = large if words != entry.container["command"] else ""
        found += [f"{who}: step {entry.step!r}: {problem}" for problem in start_problems(words, variables, given)]
    # the machines of a step with @parallel have the same
    yield from map(BindError, dict.fromkeys(found))


def _host_name_problems(who: str, workflow_template: Mapping[str, Json]) -> Iterator[BindError]:
    """Steps with @parallel whose pods kubelet would not start; they would wait for ever."""
    namespace = workflow_template["metadata"]["namespace"]
    for template in workflow_template["spec"]["templates"]:
        control = _CONTROL.search(template.get("resource", {}).get("manifest", ""))
        if control is None:
            continue
        # a retry's JobSet has its number at the end of its name
        last = str(template["retryStrategy"]["limit"]) if "retryStrategy" in template else ""
        over = len(control[1].replace(_JOB_SET, f"js-{'0' * _DRAWN}{last}")) - HOST_NAME
        if over > 0:
            yield BindError(
                f"{who}: step {template['name']!r}: @parallel: its pods' host names, which the namespace is a part of, "
                f"would have {HOST_NAME + over} characters, and Kubernetes starts none with more than {HOST_NAME}; "
                f"take a namespace of at most {len(namespace) - over} characters in place of {namespace!r}"
            )


def _size(value: Json) -> int:
    return len(canonical_json(value).encode())


def _largest(workflow_template: Mapping[str, Json]) -> tuple[str, int]:
    """The step with the largest template, and its bytes. The graph's own templates grow with the number of steps."""
    sizes = {
        template.get("metadata", {}).get("annotations", {}).get(STEP, template["name"]): _size(template)
        for template in workflow_template["spec"]["templates"]
        if not template.keys() & {"dag", "steps"}
    }
    name = max(sizes, key=lambda name: sizes[name])
    return name, sizes[name]
