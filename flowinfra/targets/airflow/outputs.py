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
    return {name: value for name, value in site.metaflow_config.items() if value is not None}
