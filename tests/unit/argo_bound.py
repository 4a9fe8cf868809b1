"""Flows for Argo as they are deployed: bound to a platform that has all that a flow may want."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowinfra.components.location import AzureStorage
from flowinfra.components.names import Names
from flowinfra.components.outputs import FlowFile
from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.plan import ArgoPlan
from tests.unit.components.argo import SITE


def bound_objects(compiled: CompiledFlow, parameters: dict[str, Json] | None = None) -> list[dict[str, Any]]:
    """The objects of a flow in the stack `app/dev`; a parameter that is evaluated then has the value `late`."""
    assert isinstance(compiled, ArgoCompiled)
    late = {name: "late" for name, found in compiled.flow.parameters.items() if found.deploy_time}
    plan = ArgoPlan(
        compiled,
        Names("app", "dev", compiled.name),
        file=FlowFile("flow.py"),
        parameters={**late, **(parameters or {})},
    )
    site = replace(
        SITE,
        datastore=compiled.shape.datastore,
        azure=AzureStorage("account", "group") if compiled.shape.datastore == "azure" else None,
        service_url="https://metadata.example.com",
    )
    return list(plan.workflow_objects(site).values())
