"""Outputs of a flow on Airflow for its users: its trigger command and the configuration of a laptop. Pure."""

from __future__ import annotations

import shlex

from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets.airflow.platform import AirflowSite


def trigger_command(compiled: CompiledFlow) -> str:
    """What starts a run on Airflow, for which Metaflow has no command."""
    return shlex.join(["airflow", "dags", "trigger", compiled.name])


def metaflow_config(site: AirflowSite) -> dict[str, str]:
    """The METAFLOW_* settings with which a laptop reaches a stack on Airflow."""
    settings: dict[str, str | None] = {
        **site.place.metaflow_config,
        "METAFLOW_KUBERNETES_NAMESPACE": site.namespace,
        "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": site.service_account,
        "METAFLOW_DEFAULT_METADATA": "service" if site.service_url else "local",
        "METAFLOW_SERVICE_URL": site.service_url,
    }
    return {name: value for name, value in settings.items() if value is not None}
