"""KubernetesPlatform: a namespace of a cluster with Argo Workflows, and the datastore of its flows.

The cluster itself is the one that Pulumi's `kubernetes` provider speaks to (`kubernetes:context`, `KUBECONFIG`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pulumi

from flowinfra.components.location import AzureStorage, Place
from flowinfra.components.options import PlatformShape
from flowinfra.components.pod_roles import PodRoles
from flowinfra.components.settings import Settings
from flowinfra.components.store import Store


@dataclass(frozen=True)
class ArgoEvents:
    """Argo Events in the namespace, for flows with @trigger and @trigger_on_finish."""

    source: str = "argo-events-webhook"
    """Name of the EventSource that takes Metaflow's events."""
    event: str = "metaflow-event"
    """Name of the event in that EventSource."""
    bus: str = "default"
    """Name of the EventBus."""
    service_account: str | None = None
    """Service account of the Sensors' pods. None: one per flow, which may start that flow and nothing else."""
    webhook_url: str | None = None
    """URL to which tasks publish events. None: the service of that EventSource on port 12000, with the event as its
    path."""
    webhook_auth: Literal["none", "service"] = "none"
    """With `service`, events are sent with the headers of the metadata service."""

    def webhook(self, namespace: str) -> str:
        """Where the tasks of a namespace publish events."""
        return self.webhook_url or f"http://{self.source}-eventsource-svc.{namespace}:12000/{self.event}"


@dataclass(frozen=True)
class ArgoSite:
    """A platform's identity, every value known."""

    bucket: str
    namespace: str
    prefix: str = "metaflow"
    service_account: str | None = None
    service_url: str | None = None
    events: ArgoEvents | None = None
    datastore: str = "s3"
    azure: AzureStorage | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Where the datastore is."""
        return Place(self.bucket, self.prefix, self.datastore, self.azure)


@dataclass(frozen=True)
class KubernetesPlatform(Settings[ArgoSite]):
    """Where flows run on Kubernetes. Nothing is created; values of what a program creates may be Outputs."""

    plain: ClassVar = ArgoSite
    stand_ins: ClassVar = {
        "bucket": "bucket-that-is-being-created-00000000",
        # no longer than a flow with @parallel takes it: what is known later is checked again
        "namespace": "namespace-00",
        "service_account": "service-account-that-is-being-created-00000000",
        "service_url": "https://service.that.is.being.created/prefix",
        "labels": "value-that-is-being-created",
        "annotations": "value-that-is-being-created",
    }

    bucket: pulumi.Input[str]
    """Name of the datastore's bucket; in Azure of its container."""
    namespace: pulumi.Input[str]
    """Namespace of Kubernetes that the flows run in. Each stack needs one of its own."""
    prefix: str = "metaflow"
    """Prefix of the datastore in the bucket."""
    datastore: str = "s3"
    """Metaflow's datastore: `s3`, `gs` (Google Cloud Storage) or `azure` (Azure Blob Storage)."""
    azure: AzureStorage | None = None
    """The storage account, where the datastore is `azure`."""
    service_account: pulumi.Input[str] | None = None
    """Service account of all pods, in place of one per flow."""
    pod_role: pulumi.Input[str] | None = None
    """ARN of the IAM role of the flows' own service accounts (EKS: `eks.amazonaws.com/role-arn`)."""
    pod_roles: PodRoles | None = None
    """A role for each flow's pods, in place of one for all (EKS)."""
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets in the namespace with which the flows' own service accounts pull images."""
    events: ArgoEvents | None = None
    """Argo Events. None: flows with @trigger are refused, and tasks publish no events."""
    check_cluster: bool = True
    """Ask the cluster for namespace, Argo and what else the flows need before anything is made; False where the
    program makes them itself, or speaks to the cluster through a provider of its own."""
    service_url: pulumi.Input[str] | None = None
    """Address of Metaflow's metadata service, as pods reach it. None: runs are known in the datastore only."""
    ui_url: str | None = None
    """Address of Argo's user interface, for a link in the outputs."""
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Labels of the flows' Kubernetes objects, workflows and pods; a flow's own win."""
    annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Annotations of the flows' Kubernetes objects, workflows and pods; a flow's own win."""

    @property
    def store(self) -> Store:
        """Where objects of the datastore are made."""
        return Store(self.bucket, self.prefix, self.datastore, self.azure)

    @property
    def shape(self) -> PlatformShape:
        """The part of the platform that changes what Metaflow produces."""
        metadata: Literal["local", "service"] = "service" if self.service_url is not None else "local"
        return PlatformShape(metadata=metadata, datastore=self.datastore, own={"events": self.events is not None})
