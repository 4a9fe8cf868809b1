"""`argo-workflows create`: where the driver stands in it. The cluster is one where nothing is yet.

Runs in the flow's interpreter beside the driver: standard library only. Every target has such a file, with the same
nine names.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

from .protocol import Request
from .refusal import Refusal
from .refusals_argo import refusals as refusals
from .refusals_argo import template_refusals
from .refusals_events import event_refusals

COMMAND = "metaflow.plugins.argo.argo_workflows_cli"
"""Module of Metaflow's command, with `make_flow` and `new_token`."""

MAKER = "metaflow.plugins.argo.argo_workflows"
"""Module that makes what is sent, with `deploy_time_eval`."""

COMPUTE = "kubernetes"
"""Name of the decorator that holds a step's compute."""

KUBERNETES = True
"""Whether Metaflow makes manifests with the package `kubernetes`."""


TRIGGERS = "_process_triggers"
"""Method of what makes the deployment in which Metaflow looks up the parameters that events set."""

CHECK: str | None = None
"""Function of COMMAND in which Metaflow looks at flow and graph before all else; None: it does so in `make_flow`."""

SEAMS = ((MAKER, f"ArgoWorkflows.{TRIGGERS}"),)
"""Modules and names of Metaflow's in which this target stands, beside those of every target."""


def prepare(_flow: Any) -> None:
    """Nothing that Metaflow refuses is deployed for this target."""


def answers(_request: Request, _recording: Any, _absent: type[Exception]) -> dict[str, Callable[..., Any]]:
    """Answers of AWS: a flow on Argo asks it for the datastore alone."""
    command: Any = importlib.import_module(COMMAND)
    original = command.make_flow

    def make(obj: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(obj, *args, **kwargs)
        # steps without a compute decorator have got one by now, with what a stack says of them
        if found := list(template_refusals(obj.flow, obj.graph)):
            raise Refusal("unsupported", json.dumps(found))
        return made

    command.make_flow = make

    maker: Any = importlib.import_module(MAKER).ArgoWorkflows
    process = getattr(maker, TRIGGERS)

    def triggers(self: Any) -> Any:
        made = process(self)
        if found := list(event_refusals(self.flow, made[0], cased=True)):
            raise Refusal("unsupported", json.dumps(found))
        return made

    setattr(maker, TRIGGERS, triggers)
    return {}
