"""A flow on Argo Workflows, in a namespace of the program's own."""

import pulumi
import pulumi_kubernetes as kubernetes

from flowinfra import ArgoFlow, KubernetesPlatform

config = pulumi.Config()

namespace = kubernetes.core.v1.Namespace("flows")

# The cluster is that of `kubernetes:context`, with Argo Workflows in it. It is not asked for the namespace at preview,
# because this program makes it.
platform = KubernetesPlatform(
    bucket=config.require("bucket"),
    namespace=namespace.metadata.name,
    check_cluster=False,
)

flow = ArgoFlow(
    "nightly",
    {
        "flow": "../../flows/parameters/parameter_flow.py",
        "platform": platform,
        "with": ["retry:times=2"],
        "parameters": {"alpha": 0.03},
        "schedule": {"enabled": False},
    },
)

pulumi.export("kubernetes_namespace", flow.kubernetes_namespace)
pulumi.export("namespace", flow.namespace)
pulumi.export("trigger", flow.trigger)
pulumi.export("metaflow_config", flow.metaflow_config)
