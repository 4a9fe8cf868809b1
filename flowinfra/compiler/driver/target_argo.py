"""`argo-workflows create`: where the driver stands in it. The cluster is one where nothing is yet.

Runs in the flow's interpreter beside the driver: standard library only. Every target has such a file, with the same
five names.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

from .refusal import Refusal
from .refusals_argo import event_refusals, option_refusals, refusals, template_refusals

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


def answers(_request: dict[str, Any], _recording: Any, _absent: type[Exception]) -> dict[str, Callable[..., Any]]:
    """Of AWS there is the datastore alone. Steps are looked at before Metaflow gives each of them @kubernetes."""
    command: Any = importlib.import_module(COMMAND)
    original = command.make_flow

    def make(obj: Any, *args: Any, **kwargs: Any) -> Any:
        if found := [*refusals(obj.graph), *option_refusals(obj.flow)]:
            raise Refusal("unsupported", json.dumps(found))
        made = original(obj, *args, **kwargs)
        if found := list(template_refusals(obj.flow, obj.graph)):
            raise Refusal("unsupported", json.dumps(found))
        return made

    command.make_flow = make

    maker: Any = importlib.import_module(MAKER).ArgoWorkflows
    if not hasattr(maker, TRIGGERS):
        raise Refusal("seam", f"{MAKER}.{TRIGGERS}")
    process = getattr(maker, TRIGGERS)

    def triggers(self: Any) -> Any:
        made = process(self)
        if found := list(event_refusals(self.flow, made[0])):
            raise Refusal("unsupported", json.dumps(found))
        return made

    setattr(maker, TRIGGERS, triggers)
    return {}
