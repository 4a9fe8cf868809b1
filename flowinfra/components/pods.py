"""Platforms whose flows are pods of Kubernetes: what all of them say of the pods and of the datastore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar, TypeVar

import pulumi

from flowinfra.components.location import AzureStorage, Place
from flowinfra.components.pod_roles import PodRoles
from flowinfra.components.settings import Settings
from flowinfra.components.store import Store
from flowinfra.model.shape import metadata_of
from flowinfra.targets.pods import NAMESPACE, SERVICE_ACCOUNT

S = TypeVar("S", bound="PodSite")


@dataclass(frozen=True)
class PodSite:
    """A platform's identity, every value known."""

    bucket: str
    namespace: str
    _: KW_ONLY
    prefix: str = "metaflow"
    datastore: str = "s3"
    azure: AzureStorage | None = None
    service_account: str | None = None
    service_url: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Where the datastore is."""
        return Place(self.bucket, self.prefix, self.datastore, self.azure)

    @property
    def metaflow_config(self) -> dict[str, str | None]:
        """METAFLOW_* settings with which a laptop reaches datastore, pods and metadata service."""
        return {
            **self.place.metaflow_config,
            NAMESPACE: self.namespace,
            SERVICE_ACCOUNT: self.service_account,
            "METAFLOW_DEFAULT_METADATA": metadata_of(self.service_url),
            "METAFLOW_SERVICE_URL": self.service_url,
        }


@dataclass(frozen=True)
class PodPlatform(Settings[S]):
    """Where flows run as pods of Kubernetes. Values of what a program creates may be Outputs."""

    stand_ins: ClassVar[Mapping[str, str]] = {
        "bucket": "bucket-that-is-being-created-00000000",
        "namespace": "namespace-that-is-being-created-00000000",
        "service_account": "service-account-that-is-being-created-00000000",
        "service_url": "https://service.that.is.being.created/prefix",
        "labels": "value-that-is-being-created",
        "annotations": "value-that-is-being-created",
    }

    bucket: pulumi.Input[str]
    """Name of the datastore's bucket; in Azure of its container."""
    namespace: pulumi.Input[str]
    """Namespace of Kubernetes that the flows' pods run in. On Argo, each stack needs one of its own."""
    _: KW_ONLY
    prefix: str = "metaflow"
    """Prefix of the datastore in the bucket."""
    datastore: str = "s3"
    """Metaflow's datastore: `s3`, `gs` (Google Cloud Storage) or `azure` (Azure Blob Storage)."""
    azure: AzureStorage | None = None
    """The storage account, where the datastore is `azure`."""
    pod_roles: PodRoles | None = None
    """A role for each flow's pods, which have a service account of the flow's own, in place of one for all (EKS)."""
    service_url: pulumi.Input[str] | None = None
    """Address of Metaflow's metadata service, as pods reach it. None: runs are known in the datastore only."""
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Labels of the flows' pods and other Kubernetes objects, and on Airflow tags (`key:value`) of their DAGs; a flow's
    own win."""
    annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Annotations of the flows' pods and other Kubernetes objects; a flow's own win."""

    @property
    def store(self) -> Store:
        """Where objects of the datastore are made."""
        return Store(self.bucket, self.prefix, self.datastore, self.azure)
