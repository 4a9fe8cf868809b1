"""Stacks of flows on Argo and Airflow in the tests' cluster, and Metaflow's own commands against them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from flowinfra.local.identity import REGION
from tests.cluster.rig.api import Object
from tests.cluster.rig.cluster import Cluster
from tests.e2e.support import Done, command, unique
from tests.engine.conftest import Cloud
from tests.engine.project import Project

ARGO = "/apis/argoproj.io/v1alpha1"
BUCKET = "metaflow-local"
SOURCE: Object = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "EventSource",
    "metadata": {"name": "argo-events-webhook"},
    "spec": {
        "webhook": {"metaflow-event": {"port": "12000", "endpoint": "/metaflow-event", "method": "POST"}},
    },
}
"""As Metaflow's own documents set it up."""


class ClusterStack:
    """The root project with a stack whose flows run in a namespace of the cluster."""

    def __init__(self, cluster: Cluster, folder: Path, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        # Project needs an environment and clients, which the cluster has as the embedded AWS does
        self.project = Project(cast(Cloud, cluster), folder, unique("stack"))

    def outputs(self) -> dict[str, Any]:
        """Name → what the stack tells of the flow."""
        found: dict[str, Any] = json.loads(self.project.pulumi("stack", "output", "--json"))["flows"]
        return found

    def variables(self, flow: str) -> dict[str, str]:
        """What the stack's output gives a laptop, and the cluster's own."""
        return {**self.cluster.environment, **self.outputs()[flow]["metaflow_config"]}

    def metaflow(self, flow: str, file: Path, *words: str, **more: str) -> Done:
        """A command of the flow's file, as a data scientist runs it."""
        return command([sys.executable, str(file), *words], {**self.variables(flow), **more}, file.parent)


class ArgoStack(ClusterStack):
    """A stack whose flows run on Argo."""

    def configure(self, *flows: Mapping[str, Any], events: Mapping[str, Any] | None = None, **kubernetes: Any) -> None:
        """Write the stack's file; `kubernetes`: more of the platform's part."""
        place: dict[str, Any] = {"namespace": self.namespace, **kubernetes}
        if events is not None:
            place["events"] = dict(events)
        platform = {"bucket": BUCKET, "prefix": self.project.name, "region": REGION, "kubernetes": place}
        self.project.configure(*map(dict, flows), platform=platform, defaults={"target": "argo"})

    def live(self, plural: str) -> dict[str, Object]:
        """Name → object of Argo in the namespace."""
        found = self.cluster.api.items(f"{ARGO}/namespaces/{self.namespace}/{plural}")
        return {item["metadata"]["name"]: item for item in found}


def workflow_name(trigger: Done) -> str:
    """The workflow that `argo-workflows trigger` started."""
    words = trigger.succeeded().output.replace(")", " ").replace("*", " ").split()
    return next(word for word in words if word.startswith("argo-")).removeprefix("argo-").rstrip(".")


def python(code: str, environment: Mapping[str, str], folder: Path) -> Any:
    """The JSON that some lines of Python print."""
    done = command([sys.executable, "-c", code], environment, folder).succeeded()
    return json.loads(done.stdout.splitlines()[-1])
