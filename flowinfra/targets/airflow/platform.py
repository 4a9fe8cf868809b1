"""AirflowPlatform: an Airflow that is there already, where its tasks' pods run, and the datastore of its flows."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import pulumi

from flowinfra.components.options import PlatformShape
from flowinfra.components.pods import PodPlatform, PodSite
from flowinfra.model.shape import metadata_of


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


@dataclass(frozen=True, kw_only=True)
class AirflowSite(PodSite):
    """A platform's identity, every value known."""

    service_account: str = "default"
    own_account: bool = False
    """Each flow has a service account of its own, in place of `service_account`."""


@dataclass(frozen=True)
class AirflowPlatform(PodPlatform[AirflowSite]):
    """Where flows run on Airflow. Nothing is created; values of what a program creates may be Outputs."""

    plain: ClassVar = AirflowSite

    dags: DagBucket | DagConfigMaps | DagFolder
    """Where Airflow takes its DAG files from."""
    _: KW_ONLY
    service_account: pulumi.Input[str] = "default"
    """Service account of the tasks' pods; docs/airflow.md says which rights it needs."""
    check_cluster: bool = True
    """Ask the cluster whether somebody else has a service account of that name; False where the program speaks to the
    cluster through a provider of its own."""

    @property
    def own_account(self) -> bool:
        """Whether each flow has a service account of its own."""
        return self.pod_roles is not None

    @property
    def needs_cluster(self) -> bool:
        """Whether objects of Kubernetes are made: ConfigMaps of DAG files, or service accounts."""
        return self.own_account or isinstance(self.dags, DagConfigMaps)

    @property
    def shape(self) -> PlatformShape:
        """The part of the platform that changes what Metaflow produces."""
        return PlatformShape(metadata_of(self.service_url), self.datastore)
