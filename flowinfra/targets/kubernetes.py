"""Keys that every target has whose tasks are pods of Kubernetes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flowinfra.model.config import Annotations, Config, Labels
from flowinfra.model.options import Option


class KubernetesSection(Config):
    """Keys of a flow that change nothing of what is compiled."""

    labels: Annotated[Labels, Option("label")] = Field(default_factory=dict)
    """Labels of the flow's Kubernetes objects, workflows and pods, and tags (`key:value`) of its DAG, beside those of
    the platform."""
    annotations: Annotated[Annotations, Option("annotation")] = Field(default_factory=dict)
    """Annotations of the flow's Kubernetes objects, workflows and pods, beside those of the platform."""


class KubernetesStep(Config):
    """Attributes of @kubernetes that every such target has."""

    disk: Annotated[int | None, Option("disk", "MB"), Field(gt=0)] = None
    """MB of disk."""
    gpu_vendor: Annotated[str | None, Option("GPU vendor")] = None
    """Vendor of the GPUs as Kubernetes names the resource: `nvidia`, `amd`."""
    node_selector: Annotated[dict[str, str] | None, Option("node selector")] = None
    """Labels of the nodes that the task may run on."""
    qos: Annotated[Literal["Guaranteed", "Burstable"] | None, Option("quality of service")] = None
    """`Guaranteed`: the limits are what is requested."""
    secrets: Annotated[list[str] | None, Option("secret")] = None
    """Names of Kubernetes Secrets whose keys become variables of the task."""
    service_account: Annotated[str | None, Option("service account")] = None
    """Service account of the task's pod, in place of the platform's or the flow's own."""
