"""The flows of a stack that run on Airflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

from flowinfra.components.location import azure_storage
from flowinfra.components.plan import same_name_problems
from flowinfra.components.platform import PlatformSettings
from flowinfra.components.prepare import Prepared
from flowinfra.components.source import Deployment
from flowinfra.errors import FlowInfraError
from flowinfra.stack.compiling import StackFlow
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.platform import DagsConfig
from flowinfra.targets.airflow.component import AirflowFlow
from flowinfra.targets.airflow.outputs import metaflow_config
from flowinfra.targets.airflow.plan import AirflowPlan, dag
from flowinfra.targets.airflow.platform import AirflowPlatform, DagBucket, DagConfigMaps, DagFolder
from flowinfra.targets.airflow.prepare import AIRFLOW
from flowinfra.targets.stack import Outputs, datastore_bucket, pod_roles


class Airflow:
    """See `StackTarget`."""

    def __init__(self, stack: StackConfig, deployment: Deployment) -> None:
        self._stack, self._deployment = stack, deployment

    def same_names(self, flows: Mapping[str, StackFlow]) -> Iterable[FlowInfraError]:
        """Flows that would be one DAG."""
        return same_name_problems({label: dag(flow.compiled.name) for label, flow in flows.items()})

    def check(self, label: str, flow: StackFlow) -> Prepared[AirflowPlan, AirflowPlatform]:
        """The flow, ready to be deployed; raises all that binding, Airflow or Kubernetes would refuse."""
        platform = airflow_platform(self._stack, None)
        return AIRFLOW.planned(label, flow.source, platform, self._deployment)

    def deploy(
        self, flow: Prepared[AirflowPlan, AirflowPlatform], created: PlatformSettings | None, by: Mapping[str, Any]
    ) -> Outputs:
        """Make an AirflowFlow."""
        if created:
            flow = flow.on(airflow_platform(self._stack, created), AIRFLOW.adapted)
        made = AirflowFlow.of(flow, by)
        return {
            "dag_id": made.dag_id,
            "file": made.file,
            "namespace": made.namespace,
            "authorize": made.authorize,
            "trigger": made.trigger,
            "metaflow_config": made.metaflow_config,
            "version": made.version,
        }

    def metaflow_config(self, created: PlatformSettings | None) -> pulumi.Input[dict[str, str]]:
        """Settings of the stack's platform for a laptop."""
        return airflow_platform(self._stack, created).on_site(metaflow_config)


def airflow_platform(stack: StackConfig, created: PlatformSettings | None) -> AirflowPlatform:
    """Where the stack's flows run; `created`: a platform that the stack makes itself, whose bucket they use."""
    platform, airflow = stack.platform, stack.platform.airflow
    assert airflow is not None
    return AirflowPlatform(
        bucket=datastore_bucket(stack, created),
        namespace=airflow.namespace,
        dags=_dags(airflow.dags),
        prefix=platform.prefix,
        datastore=platform.datastore,
        azure=azure_storage(platform),
        service_account=airflow.service_account,
        pod_roles=pod_roles(platform, airflow.pod_roles),
        service_url=platform.service_url,
        labels=airflow.labels,
        annotations=airflow.annotations,
    )


def _dags(dags: DagsConfig) -> DagBucket | DagConfigMaps | DagFolder:
    if dags.s3 is not None:
        bucket, _, prefix = dags.s3.removeprefix("s3://").partition("/")
        return DagBucket(bucket, prefix.rstrip("/"))
    if dags.config_maps is not None:
        return DagConfigMaps(dags.config_maps)
    assert dags.folder is not None
    return DagFolder(dags.folder)


STACK = Airflow
"""What the program makes of a stack's flows of this target."""
