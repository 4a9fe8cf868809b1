"""How a report calls what changes of a flow: options by their own declarations, everything else by the tables here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from flowinfra.model.options import Option, options, plain_type
from flowinfra.model.shape import Shape
from flowinfra.report.schedule import OFF
from flowinfra.targets import TARGETS


@dataclass(frozen=True)
class Field:
    """How a known input is shown."""

    what: str
    unit: str = ""
    absent: str = "none"
    """What no value means."""
    quoted: bool = False
    """Whether values are of any type, so that text that looks like another value is quoted."""


def _declared() -> Iterator[tuple[bool, str, Any, Option]]:
    """Whether it is of a step, name, type and words of every option of every target."""
    of_flow: list[type[BaseModel]] = [Shape]
    of_step: list[type[BaseModel]] = []
    for target in TARGETS.values():
        of_flow += [target.options, target.section]
        of_step.append(target.step)
    for step, models in ((False, of_flow), (True, of_step)):
        for model in models:
            for name, field, option in options(model):
                yield step, name, plain_type(field), option


_DECLARED = tuple(_declared())


def _fields(step: bool) -> dict[str, Field]:
    """Options that are one value."""
    return {
        name: Field(option.label, option.unit, option.absent)
        for of_step, name, kind, option in _DECLARED
        if of_step == step and get_origin(kind) not in (list, dict)
    }


def _words(kind: type) -> dict[str, str]:
    """Options that are lists or mappings → what each of their entries is called."""
    return {name: option.label for _, name, each, option in _DECLARED if get_origin(each) is kind}


STEP_FIELDS = {
    "kind": Field("kind", absent="linear"),
    "image": Field("image"),
    "queue": Field("queue", absent="the platform's"),
    "cpu": Field("cpu"),
    "memory": Field("memory", "MB"),
    "gpu": Field("gpu", absent="0"),
    "max_swap": Field("swap", "MB"),
    "ephemeral_storage": Field("ephemeral storage", "GiB"),
    "retries": Field("retries", absent="0"),
    "attempts": Field("attempts", absent="retries + 1"),
    "timeout": Field("timeout", "s", absent="5 days"),
    **_fields(step=True),
}
PARAMETER_FIELDS = {
    "type": Field("type"),
    "default": Field("default", quoted=True),
    "included": Field("included file"),
    "required": Field("required", absent="no"),
}
FLOW_FIELDS = {
    "flow": Field("flow class"),
    "name": Field("name"),
    "file": Field("file"),
    "target": Field("target"),
    "metaflow": Field("Metaflow"),
    "python": Field("Python"),
    "datastore": Field("datastore"),
    "queue": Field("job queue"),
    "table": Field("foreach table"),
    "service_url": Field("metadata service"),
    "datastore_type": Field("datastore type", absent="s3"),
    "production_token": Field("production token", absent="the stack's own"),
    "protect": Field("protection", absent="off"),
    "starts_when": Field("starts when"),
    "triggers_off": Field("triggers turned off", absent="no"),
    "alerts": Field("alerts", absent="off"),
    "event_patterns": Field("events listened to"),
    "event_bus": Field("event bus", absent="default"),
    "kubernetes_namespace": Field("Kubernetes namespace"),
    "service_account": Field("service account", absent="the flow's own"),
    "pod_role": Field("pods' IAM role"),
    "dags": Field("folder of DAG files"),
    **_fields(step=False),
}
YES = {OFF: "on", "no": "yes"}
"""What `true` is called, by what its absence is called."""
MEMBERS = {
    "tags": "tag",
    "job_policies": "managed policy",
    "reads": "read access to flow",
    "unsent": "event that nobody in the stack sends",
    "circles": "flows that start each other",
    "with": "decorator of all steps",
    "options": "Metaflow option",
    **_words(list),
}
MAPPINGS = {
    "configs": "config",
    "aws_tags": "AWS tag",
    "project": "project",
    "decorators": "decorator",
    "environment": "environment",
    "settings": "setting",
    "env": "variable",
    "packaging": "packaging",
    "overrides": "override",
    "triggers": "trigger",
    "permissions": "permissions of",
    "event_source": "event source",
    "pod_roles": "pods' IAM roles by",
    **_words(dict),
}
TEXTS = {"environment", "AWS tag", "setting", "variable"} | {
    option.label for _, _, kind, option in _DECLARED if get_origin(kind) is dict and get_args(kind)[1] is not Any
}
"""Mappings whose values are always text."""
