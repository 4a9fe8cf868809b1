"""A flow for Airflow with a stack's identity in it: the DAG file that is delivered, as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.components.binding import filled
from flowinfra.errors import BindError
from flowinfra.model.base import Json
from flowinfra.targets.airflow.compiled import AirflowCompiled
from flowinfra.targets.airflow.file import dag_file
from flowinfra.targets.airflow.labels import labelled
from flowinfra.targets.airflow.params import param


@dataclass(frozen=True)
class AirflowBound:
    """A compiled flow with a stack's identity in it."""

    dag: dict[str, Any]
    """The DAG as Metaflow describes it."""
    file: str
    """Text of the DAG file."""
    deployment: str
    """Text of the object by which Metaflow knows who deploys the DAG."""


def bind(
    compiled: AirflowCompiled,
    identity: Mapping[str, str],
    parameters: Mapping[str, Json] | None = None,
    scheduled: bool = True,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> AirflowBound:
    """Put `identity` (placeholder name without its mark → value) and deploy-time `parameters` into the flow.

    Args:
        compiled: the flow.
        identity: a value for each placeholder.
        parameters: values of the deploy-time parameters.
        scheduled: False takes the schedule away; the DAG can still be triggered.
        labels: of the tasks' pods, and tags of the DAG.
        annotations: of the tasks' pods.

    Raises:
        Problems: every value that is missing or breaks its grammar, and every stray placeholder.
        BindError: a deploy-time parameter evaluates to None, which Airflow does not take.
    """
    target = filled(compiled, identity, parameters)["airflow"]
    dag = target["dag"]
    for entry in dag["metaflow_params"]:
        if entry["name"] in (parameters or {}):
            entry.pop("type", None)
            entry.update(_default(compiled, entry["name"], (parameters or {})[entry["name"]]))
    if not scheduled:
        dag["dag_instantiation_params"]["schedule"] = None
    dag = labelled(dag, labels or {}, annotations or {})
    return AirflowBound(dag, dag_file(compiled, dag), target["deployment"])


def _default(compiled: AirflowCompiled, name: str, value: Json) -> dict[str, Json]:
    """A parameter's default and type for Airflow, which takes none without a value."""
    if value is None:
        raise BindError(
            f"{compiled.name}: parameter {name!r} is evaluated to None; Airflow needs a default for every parameter"
        )
    return param(compiled.flow.parameters[name].type, value)
