"""A flow compiled for Argo Workflows."""

from __future__ import annotations

from typing import Literal

from flowinfra.model.base import Json, Model
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets.argo.options import ArgoOptions


class ArgoTarget(Model):
    """What `argo-workflows create` would have sent."""

    name: str
    """Name of the WorkflowTemplate, as Metaflow makes it: a DNS subdomain."""
    workflow_template: dict[str, Json]
    """The whole object, `apiVersion` to `spec`."""
    cron_workflow: dict[str, Json] | None = None
    """The whole object; None without @schedule."""
    sensor: dict[str, Json] | None = None
    """The whole object; None without @trigger and @trigger_on_finish."""


class ArgoCompiled(CompiledFlow):
    """A flow that is compiled for Argo Workflows."""

    shape: ArgoOptions
    target: Literal["argo"]
    argo: ArgoTarget

    @property
    def name(self) -> str:
        """Name of the WorkflowTemplate."""
        return self.argo.name


COMPILED = ArgoCompiled
"""What `compiled_flow` makes of data of this target."""
