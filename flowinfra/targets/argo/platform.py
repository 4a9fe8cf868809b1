"""KubernetesPlatform: a namespace of a cluster with Argo Workflows, and the datastore of its flows.

The cluster itself is the one that Pulumi's `kubernetes` provider speaks to (`kubernetes:context`, `KUBECONFIG`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pulumi

from flowinfra.components.options import PlatformShape
from flowinfra.components.pods import PodPlatform, PodSite
from flowinfra.model.shape import metadata_of


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


@dataclass(frozen=True, kw_only=True)
class ArgoSite(PodSite):
    """A platform's identity, every value known."""

    events: ArgoEvents | None = None


@dataclass(frozen=True, kw_only=True)
class KubernetesPlatform(PodPlatform[ArgoSite]):
    """Where flows run on Kubernetes. Nothing is created; values of what a program creates may be Outputs."""

    plain: ClassVar = ArgoSite
    # no longer than a flow with @parallel takes it: what is known later is checked again
    stand_ins: ClassVar = {**PodPlatform.stand_ins, "namespace": "namespace-00"}

    service_account: pulumi.Input[str] | None = None
    """Service account of all pods, in place of one per flow."""
    pod_role: pulumi.Input[str] | None = None
    """ARN of the IAM role of the flows' own service accounts (EKS: `eks.amazonaws.com/role-arn`)."""
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets in the namespace with which the flows' own service accounts pull images."""
    events: ArgoEvents | None = None
    """Argo Events. None: flows with @trigger are refused, and tasks publish no events."""
    check_cluster: bool = True
    """Ask the cluster for namespace, Argo and what else the flows need before anything is made; False where the
    program makes them itself, or speaks to the cluster through a provider of its own."""
    ui_url: str | None = None
    """Address of Argo's user interface, for a link in the outputs."""

    @property
    def shape(self) -> PlatformShape:
        """The part of the platform that changes what Metaflow produces."""
        return PlatformShape(metadata_of(self.service_url), self.datastore, {"events": self.events is not None})
