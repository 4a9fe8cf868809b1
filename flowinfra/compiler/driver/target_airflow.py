"""`airflow create`: where the driver stands in it.

Runs in the flow's interpreter beside the driver: standard library only.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import refusals_sensors
from .describe import described_type
from .protocol import Request
from .refusals_airflow import refusals as refusals

COMMAND = "metaflow.plugins.airflow.airflow_cli"
"""Module of Metaflow's command, with `make_flow` and `new_token`."""

MAKER = "metaflow.plugins.airflow.airflow"
"""Module that makes what is written, with `deploy_time_eval`."""

COMPUTE = "kubernetes"
"""Name of the decorator that holds a step's compute."""

KUBERNETES = True
"""Whether Metaflow makes manifests with the package `kubernetes`."""

CHECK = "_validate_workflow"
"""Function of COMMAND in which Metaflow looks at flow and graph before all else; None: it does so in `make_flow`."""

SEAMS = ((COMMAND, CHECK), *refusals_sensors.SEAMS)
"""Modules and names of Metaflow's in which this target stands, beside those of every target."""


def prepare(_flow: Any) -> None:
    """Nothing that Metaflow refuses is deployed for this target."""


def answers(_request: Request, recording: Any, _absent: type[Exception]) -> dict[str, Callable[..., Any]]:
    """Nothing is asked of AWS but of the datastore; the DAG file that Metaflow would write goes to the recording."""
    maker: Any = importlib.import_module(MAKER)
    refusals_sensors.install()

    def record(self: Any, description: dict[str, Any]) -> str:
        code = Path(maker.airflow_utils.__file__).read_text(encoding="utf-8")
        template = Path(maker.AIRFLOW_DEPLOY_TEMPLATE_FILE).read_text(encoding="utf-8")
        try:
            plain = json.loads(json.dumps(description))
        except TypeError as error:
            raise maker.AirflowException(f"A decorator holds what a DAG file cannot: {error}.") from None
        types = {parameter.name: described_type(parameter) for _, parameter in self.flow._get_parameters()}
        retries = {node.name: self._get_retries(node)[1] for node in self.graph}
        made = {"dag": plain, "types": types, "retries": retries, "code": code, "template": template}
        recording.call("airflow", "create", made)
        return ""

    maker.Airflow._to_airflow_dag_file = record
    return {}
