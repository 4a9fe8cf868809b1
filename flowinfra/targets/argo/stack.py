"""The flows of a stack that run on Argo Workflows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
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
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.component import ArgoFlow
from flowinfra.targets.argo.outputs import metaflow_config
from flowinfra.targets.argo.plan import ArgoPlan, sensor, workflow_template
from flowinfra.targets.argo.platform import ArgoEvents, KubernetesPlatform
from flowinfra.targets.argo.prepare import ARGO
from flowinfra.targets.stack import Outputs, datastore_bucket, pod_roles


class Argo:
    """See `StackTarget`."""

    def __init__(self, stack: StackConfig, deployment: Deployment) -> None:
        self._stack, self._deployment = stack, deployment

    def same_names(self, flows: Mapping[str, StackFlow]) -> Iterable[FlowInfraError]:
        """Flows that would be one WorkflowTemplate, or have one Sensor."""
        namespace = str(kubernetes_platform(self._stack, None).namespace)
        templates = {label: workflow_template(namespace, flow.compiled.name) for label, flow in flows.items()}
        found = list(same_name_problems(templates))
        sensors = {
            label: sensor(namespace, flow.compiled.argo.sensor["metadata"]["name"])
            for label, flow in flows.items()
            if isinstance(flow.compiled, ArgoCompiled) and flow.compiled.argo.sensor is not None
        }
        return found or same_name_problems(sensors)

    def check(self, label: str, flow: StackFlow) -> Prepared[ArgoPlan, KubernetesPlatform]:
        """The flow, ready to be deployed; raises all that would be refused, and what the cluster lacks."""
        platform = replace(kubernetes_platform(self._stack, None), check_cluster=self._deployment.asks)
        return ARGO.planned(label, flow.source, platform, self._deployment)

    def deploy(
        self, flow: Prepared[ArgoPlan, KubernetesPlatform], created: PlatformSettings | None, by: Mapping[str, Any]
    ) -> Outputs:
        """Make an ArgoFlow."""
        if created:
            flow = flow.on(kubernetes_platform(self._stack, created), ARGO.adapted)
        made = ArgoFlow.of(flow, by)
        return {
            "workflow_template": made.workflow_template,
            "kubernetes_namespace": made.kubernetes_namespace,
            "namespace": made.namespace,
            "authorize": made.authorize,
            "trigger": made.trigger,
            "ui_url": made.ui_url,
            "metaflow_config": made.metaflow_config,
            "version": made.version,
        }

    def metaflow_config(self, created: PlatformSettings | None) -> pulumi.Input[dict[str, str]]:
        """Settings of the stack's platform for a laptop, without what is a flow's own."""
        return kubernetes_platform(self._stack, created).on_site(metaflow_config)


def kubernetes_platform(stack: StackConfig, created: PlatformSettings | None) -> KubernetesPlatform:
    """Where the stack's flows run; `created`: a platform that the stack makes itself, whose bucket they use."""
    platform, kubernetes = stack.platform, stack.platform.kubernetes
    assert kubernetes is not None
    events = kubernetes.events
    return KubernetesPlatform(
        bucket=datastore_bucket(stack, created),
        namespace=kubernetes.namespace,
        prefix=platform.prefix,
        datastore=platform.datastore,
        azure=azure_storage(platform),
        service_account=kubernetes.service_account,
        pod_role=kubernetes.pod_role,
        pod_roles=pod_roles(platform, kubernetes.pod_roles),
        image_pull_secrets=tuple(kubernetes.image_pull_secrets),
        events=None if events is None else ArgoEvents(**events.model_dump()),
        service_url=platform.service_url,
        labels=kubernetes.labels,
        annotations=kubernetes.annotations,
        ui_url=kubernetes.ui_url,
    )


STACK = Argo
"""What the program makes of a stack's flows of this target."""
