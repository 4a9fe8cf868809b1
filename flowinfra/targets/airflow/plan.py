"""What a flow's deployment to Airflow consists of, decided before any resource exists: pure, and checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.components.confidential import secret_problems
from flowinfra.components.kubernetes_object import OWNED, extra_problems
from flowinfra.components.labels import metadata_problems, with_metadata
from flowinfra.components.names import OWNER
from flowinfra.components.plan import Plan
from flowinfra.errors import FlowInfraError
from flowinfra.model.base import Json
from flowinfra.targets.airflow.bound import AirflowBound, bind
from flowinfra.targets.airflow.compiled import AirflowCompiled
from flowinfra.targets.airflow.labels import taken
from flowinfra.targets.airflow.limits import flow_problems
from flowinfra.targets.airflow.platform import AirflowPlatform, AirflowSite

IGNORE = r"\.\.[a-z0-9_]*"
"""`.airflowignore` of a mounted ConfigMap, for either of Airflow's two syntaxes.

Kubernetes mounts the files twice, in a folder whose name begins with two dots and by links to it: Airflow takes that
for an endless loop.
"""


@dataclass(frozen=True)
class AirflowPlan(Plan[AirflowCompiled]):
    """One flow in one stack."""

    @property
    def file_name(self) -> str:
        """The DAG file's name wherever it is delivered: it changes with the DAG's id alone."""
        return f"{self.name}.py"

    def bound(self, site: AirflowSite) -> AirflowBound:
        """The flow with the stack's identity.

        Raises `Problems` with every value that does not fit.
        """
        values = {
            **site.place.identity,
            "kubernetes-namespace": site.namespace,
            "service-account": self.account(site),
            "owner": OWNER,
            "token": self.token,
            "service-url": site.service_url,
        }
        identity = {name: value for name, value in values.items() if value is not None}
        labels = {**site.labels, **self.names.labels}
        return bind(self.compiled, identity, self.parameters, self.schedule_enabled, labels, site.annotations)

    def account(self, site: AirflowSite) -> str:
        """Name of the service account of the tasks' pods."""
        return self.names.kubernetes() if site.own_account else site.service_account

    def account_object(self, site: AirflowSite) -> dict[str, Json]:
        """The flow's own service account. Tasks ask nothing of Kubernetes, so it has no role there."""
        metadata = with_metadata(None, {**site.labels, **self.names.labels}, {**site.annotations, **OWNED})
        metadata = {"name": self.account(site), "namespace": site.namespace, **metadata}
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}

    def config_map(
        self,
        namespace: str,
        file: str,
        labels: Mapping[str, Any] | None = None,
        annotations: Mapping[str, Any] | None = None,
    ) -> dict[str, Json]:
        """The ConfigMap that holds the DAG file; values of its labels and annotations may be Outputs."""
        marks = {**self.names.labels, "flowinfra/dag": "true"}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.names.kubernetes("dag"),
                "namespace": namespace,
                **with_metadata(None, {**(labels or {}), **marks}, annotations or {}),
            },
            "data": {self.file_name: file, ".airflowignore": f"{IGNORE}\n"},
        }


def check(plan: AirflowPlan, platform: AirflowPlatform) -> list[FlowInfraError]:
    """Everything that Airflow, Kubernetes or binding would refuse of this plan."""
    site = platform.site()
    if refused := list(metadata_problems(plan.name, site.labels, site.annotations, taken(plan.compiled))):
        return [*refused]
    try:
        bound = plan.bound(site)
    except FlowInfraError as error:
        return list(error.errors)
    return [
        *(extra_problems("a Kubernetes cluster") if platform.needs_cluster else ()),
        *flow_problems(plan.compiled, bound, platform),
        *secret_problems(plan.name, plan.parameters, None),
    ]


def dag(name: str) -> str:
    """What a flow is in Airflow, in words."""
    return f"DAG {name!r}"
