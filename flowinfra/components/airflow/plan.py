"""What a flow's deployment to Airflow consists of, decided before any resource exists: pure, and checked as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flowinfra.components.airflow.bound import AirflowBound, bind
from flowinfra.components.airflow.limits import flow_problems
from flowinfra.components.airflow.platform import AirflowPlatform, AirflowSite
from flowinfra.components.confidential import secret_problems
from flowinfra.components.names import KIND_TAG, OWNER, TARGET_TAG, Names
from flowinfra.errors import BindError, ConfigError, FlowInfraError, Problems
from flowinfra.model.compiled import AirflowCompiled, Json

IGNORE = r"\.\.[a-z0-9_]*"
"""`.airflowignore` of a mounted ConfigMap, for either of Airflow's two syntaxes.

Kubernetes mounts the files twice, in a folder whose name begins with two dots and by links to it: Airflow takes that
for an endless loop.
"""


@dataclass(frozen=True)
class AirflowPlan:
    """One flow in one stack."""

    compiled: AirflowCompiled
    names: Names
    aws_tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """Values of deploy-time parameters."""
    schedule_enabled: bool = True

    @property
    def name(self) -> str:
        """The DAG's id."""
        return self.compiled.name

    @property
    def token(self) -> str:
        """Production token."""
        return self.names.token(self.compiled.flow.token_prefix)

    @property
    def file_name(self) -> str:
        """The DAG file's name wherever it is delivered: it changes with the DAG's id alone."""
        return f"{self.name}.py"

    @property
    def tags(self) -> dict[str, str]:
        """Tags of everything in AWS."""
        return self.names.tags(self.aws_tags)

    def object_tags(self, kind: str) -> dict[str, str]:
        """Tags of a datastore object: its kind and the target too, which `gc` goes by."""
        return {**self.tags, KIND_TAG: kind, TARGET_TAG: self.compiled.target}

    def bound(self, site: AirflowSite) -> AirflowBound:
        """The flow with the stack's identity.

        Raises `Problems` with every value that does not fit.
        """
        values = {
            **site.place.identity,
            "kubernetes-namespace": site.namespace,
            "service-account": site.service_account,
            "owner": OWNER,
            "token": self.token,
            "service-url": site.service_url,
        }
        identity = {name: value for name, value in values.items() if value is not None}
        return bind(self.compiled, identity, self.parameters, self.schedule_enabled)

    def config_map(self, namespace: str, file: str) -> dict[str, Json]:
        """The ConfigMap that holds the DAG file."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.names.kubernetes("dag"),
                "namespace": namespace,
                "labels": {**self.names.labels, "flowinfra/dag": "true"},
            },
            "data": {self.file_name: file, ".airflowignore": f"{IGNORE}\n"},
        }


def check(plan: AirflowPlan, platform: AirflowPlatform) -> list[FlowInfraError]:
    """Everything that Airflow, Kubernetes or binding would refuse of this plan."""
    try:
        bound = plan.bound(platform.site())
    except Problems as problems:
        return [error for error in problems.errors if isinstance(error, FlowInfraError)]
    except BindError as error:
        return [error]
    return [*flow_problems(plan.compiled, bound, platform), *secret_problems(plan.name, plan.parameters, None)]


def same_name_problems(flows: Mapping[str, str]) -> Iterator[ConfigError]:
    """Two flows that would be one DAG; `flows`: what a person calls the flow → DAG's id."""
    first: dict[str, str] = {}
    for label, name in flows.items():
        if name in first:
            yield same_name(name, first[name], label)
        first.setdefault(name, label)


def same_name(name: str, first: str, second: str) -> ConfigError:
    """The error for two flows that would be one DAG."""
    return ConfigError(
        f"{first} and {second} are both the DAG {name!r}; give one of them another `name`, or another branch if it is "
        "a @project flow"
    )
