"""Labels and annotations of the tasks' pods of a DAG, and its tags. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flowinfra.components.labels import Metadata, Taken, with_metadata
from flowinfra.model.base import Json
from flowinfra.targets.airflow.compiled import AirflowCompiled

_OF_AIRFLOW = (
    "dag_id",
    "task_id",
    "run_id",
    "map_index",
    "try_number",
    "parent_dag_id",
    "kubernetes_pod_operator",
    "already_checked",
    "airflow-worker",
    "airflow_version",
    "airflow_kpo_in_cluster",
)
"""Labels by which KubernetesPodOperator finds a task's pod (`_get_ti_pod_labels`, `_build_find_pod_label_selector`)."""


def labelled(dag: Mapping[str, Json], labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, Json]:
    """The description of a DAG with labels and annotations of its pods, and a tag of each label."""
    arguments = dag["dag_instantiation_params"]
    tags = [f"{key}:{value}" if value else key for key, value in labels.items()]
    states = {
        name: {**state, "operator_args": with_metadata(state["operator_args"], labels, annotations)}
        if state["operator_type"] == "kubernetes"
        else state
        for name, state in dag["states"].items()
    }
    tagged = {**arguments, "tags": [*arguments["tags"], *(tag for tag in tags if tag not in arguments["tags"])]}
    return {**dag, "dag_instantiation_params": tagged, "states": states}


def taken(compiled: AirflowCompiled) -> Taken:
    """Keys that Metaflow and Airflow set on the tasks' pods; Airflow takes their values for templates of Jinja."""
    found = list(_metadata(compiled))
    return Taken(
        {*_OF_AIRFLOW, *(key for entry in found for key in entry["labels"])},
        {key for entry in found for key in entry["annotations"]},
        ("{{", "{%", "{#"),
        "Airflow",
    )


def _metadata(compiled: AirflowCompiled) -> Iterator[Metadata]:
    for state in compiled.airflow.dag["states"].values():
        if state["operator_type"] == "kubernetes":
            yield state["operator_args"]
