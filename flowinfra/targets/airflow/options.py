"""Options of Airflow, each declared here alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flowinfra.model.base import Model
from flowinfra.model.options import Option
from flowinfra.model.shape import Shape


class AirflowKeys(Model):
    """Options of a flow that change what Metaflow produces."""

    worker_pool: Annotated[str | None, Option("worker pool", absent="Airflow's default"), Field(min_length=1)] = None
    """Pool of Airflow for the flow's tasks, which has to be there."""
    paused: Annotated[bool, Option("paused when new", absent="no")] = False
    """A new DAG waits until it is unpaused in Airflow."""


class AirflowOptions(AirflowKeys, Shape):
    """All options of a compile for Airflow."""
