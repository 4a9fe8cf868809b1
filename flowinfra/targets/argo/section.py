"""Keys of Argo Workflows in a stack's file, each declared here alone or in `options.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flowinfra.model.base import Json
from flowinfra.model.config import Config
from flowinfra.model.options import Option
from flowinfra.targets.argo.options import ArgoKeys
from flowinfra.targets.kubernetes import KubernetesSection, KubernetesStep


class ArgoSection(KubernetesSection, ArgoKeys, Config):
    """Keys of a flow on Argo alone."""


class ArgoStep(KubernetesStep):
    """Keys of a step on Argo alone: attributes of @kubernetes."""

    tolerations: Annotated[list[dict[str, Json]] | None, Option("toleration")] = None
    """Taints that the task's pod tolerates, as Kubernetes has them."""
    annotations: Annotated[dict[str, str] | None, Option("annotation")] = None
    """Annotations of the task's pod."""
    labels: Annotated[dict[str, str] | None, Option("label")] = None
    """Labels of the task's pod."""
    extended_resources: Annotated[dict[str, Json] | None, Option("extended resource")] = None
    """Resources of nodes that Kubernetes has no name of its own for → how much."""
    image_pull_policy: Annotated[Literal["Always", "IfNotPresent", "Never"] | None, Option("image pull policy")] = None
    """When the image is pulled."""
    image_pull_secrets: Annotated[list[str] | None, Option("image pull secret")] = None
    """Names of Secrets with which the image is pulled."""
    persistent_volume_claims: Annotated[dict[str, str] | None, Option("persistent volume claim")] = None
    """Claim → path in the task."""
    port: Annotated[int | None, Option("port"), Field(gt=0)] = None
    """Port that the task listens on."""
    security_context: Annotated[dict[str, Json] | None, Option("security context")] = None
    """Security context of the container, by Kubernetes' names of its fields or Metaflow's."""
    shared_memory: Annotated[int | None, Option("shared memory", "MiB"), Field(gt=0)] = None
    """MiB of shared memory."""
    use_tmpfs: Annotated[bool | None, Option("file system in memory", absent="off")] = None
    """The task has a file system in memory, of the path `tmpfs_path` and the size `tmpfs_size`."""
    tmpfs_path: Annotated[str | None, Option("path of the file system in memory")] = None
    """Path of the file system in memory. Default: `/metaflow_temp`."""
    tmpfs_size: Annotated[int | None, Option("tmpfs", "MiB"), Field(gt=0)] = None
    """MiB of the file system in memory. Default: half of `memory`."""


SECTION = ArgoSection
"""Keys of a flow that stand under the target's name."""
STEP = ArgoStep
"""Keys of a step that stand under the target's name."""
