"""A flow compiled for Airflow."""

from __future__ import annotations

from typing import Literal

from flowinfra.model.base import Json, Model
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets.airflow.options import AirflowOptions


class AirflowTarget(Model):
    """What `airflow create` would have written."""

    dag_id: str
    """Id of the DAG, as Metaflow makes it."""
    dag: dict[str, Json]
    """The DAG as Metaflow describes it at the head of the file that it writes."""
    code: str
    """Python text: the rest of that file, which makes a DAG of the description."""
    deployment_key: str
    """Key, from the datastore's root on, of the object in which Metaflow finds who deploys the DAG:
    `mf.airflow/<dag_id>`."""
    deployment: str
    """Text of that object: JSON with `owner` and `production_token`."""


class AirflowCompiled(CompiledFlow):
    """A flow that is compiled for Airflow."""

    shape: AirflowOptions
    target: Literal["airflow"]
    airflow: AirflowTarget

    @property
    def name(self) -> str:
        """Id of the DAG."""
        return self.airflow.dag_id


COMPILED = AirflowCompiled
"""What `compiled_flow` makes of data of this target."""
