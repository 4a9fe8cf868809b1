"""AirflowPlatform: an Airflow that is there already, where its tasks' pods run, and the datastore of its flows."""

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
class DagBucket:
    """DAG files are objects of S3: the DAG folder of MWAA, or what an Airflow copies from S3."""

    bucket: pulumi.Input[str]
    """Name of the bucket that Airflow takes DAG files from."""
    prefix: str = "dags"
    """Folder of the DAG files in the bucket. MWAA's default is `dags`, too."""


@dataclass(frozen=True)
class DagConfigMaps:
    """Each DAG file is a ConfigMap of its own in Kubernetes, which Airflow's pods mount."""

    namespace: str
    """Namespace of Airflow, which may be another than that of the tasks."""
    check_cluster: bool = True
    """Ask the cluster whether the namespace is there, and no ConfigMap of somebody else's, before one is made; False
    where the program makes the namespace, or speaks to the cluster through a provider of its own."""


@dataclass(frozen=True)
class DagFolder:
    """DAG files are written to a folder of the machine that deploys: one that Airflow reads too."""

    path: str
    """Absolute path of the folder."""


@dataclass(frozen=True)
class AirflowSite:
    """A platform's identity, every value known."""

    bucket: str
    namespace: str
    prefix: str = "metaflow"
    service_account: str = "default"
    service_url: str | None = None
    datastore: str = "s3"
    azure: AzureStorage | None = None
    own_account: bool = False
    """Each flow has a service account of its own, in place of `service_account`."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Where the datastore is."""
        return Place(self.bucket, self.prefix, self.datastore, self.azure)


@dataclass(frozen=True)
class AirflowPlatform(Settings[AirflowSite]):
    """Where flows run on Airflow. Nothing is created; values of what a program creates may be Outputs."""

    plain: ClassVar = AirflowSite
    stand_ins: ClassVar = {
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
    """Namespace of Kubernetes that the tasks' pods run in."""
    dags: DagBucket | DagConfigMaps | DagFolder
    """Where Airflow takes its DAG files from."""
    prefix: str = "metaflow"
    """Prefix of the datastore in the bucket."""
    datastore: str = "s3"
    """Metaflow's datastore: `s3`, `gs` (Google Cloud Storage) or `azure` (Azure Blob Storage)."""
    azure: AzureStorage | None = None
    """The storage account, where the datastore is `azure`."""
    service_account: pulumi.Input[str] = "default"
    """Service account of the tasks' pods; docs/airflow.md says which rights it needs."""
    pod_roles: PodRoles | None = None
    """A service account and a role for each flow's pods, in place of `service_account` (EKS)."""
    check_cluster: bool = True
    """Ask the cluster whether somebody else has a service account of that name; False where the program speaks to the
    cluster through a provider of its own."""
    service_url: pulumi.Input[str] | None = None
    """Address of Metaflow's metadata service, as pods reach it. None: runs are known in the datastore only."""
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Labels of the tasks' pods and the flows' ConfigMaps, and tags (`key:value`) of their DAGs; a flow's own win."""
    annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Annotations of the tasks' pods and the flows' ConfigMaps; a flow's own win."""

    @property
    def own_account(self) -> bool:
        """Whether each flow has a service account of its own."""
        return self.pod_roles is not None

    @property
    def store(self) -> Store:
        """Where objects of the datastore are made."""
        return Store(self.bucket, self.prefix, self.datastore, self.azure)

    @property
    def shape(self) -> PlatformShape:
        """The part of the platform that changes what Metaflow produces."""
        metadata: Literal["local", "service"] = "service" if self.service_url is not None else "local"
        return PlatformShape(metadata=metadata, datastore=self.datastore)
