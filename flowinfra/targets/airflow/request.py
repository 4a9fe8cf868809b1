"""How a request is put to `airflow create`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from flowinfra.model.cron import refused
from flowinfra.targets import pods
from flowinfra.targets.airflow.options import AirflowOptions
from flowinfra.targets.target import Target

FILE = "/dev/null"
"""The path that Metaflow gets for the DAG file: what it would write is recorded, and made anew per stack."""

ID_CHARACTERS = 250
"""Most characters of a DAG's or task's id: Airflow's column for it."""


def _create_options(shape: AirflowOptions) -> list[str]:
    options = []
    if shape.worker_pool is not None:
        options.append(f"--worker-pool={shape.worker_pool}")
    if shape.paused:
        options.append("--is-paused-upon-creation")
    return [*options, FILE]


def _problems(shape: AirflowOptions) -> Iterator[str]:
    if shape.name is not None and len(shape.name) > ID_CHARACTERS:
        yield f"name: has {len(shape.name)} characters, allowed are {ID_CHARACTERS}, as many as a DAG's id may have"


def _timezone_problem(timezone: str) -> str:
    return (
        f"found {timezone!r}, but Metaflow gives Airflow no timezone; leave it out, and write the cron in Airflow's "
        "own (UTC unless it is configured otherwise)"
    )


def _lacks(stack: Any, _flow: Any) -> str | None:
    return None if stack.platform.airflow else "airflow"


def _create_arguments(name: str) -> list[str]:
    return [f"{name}.py"]


TARGET = Target(
    name="airflow",
    title="Airflow",
    group="airflow",
    options=AirflowOptions,
    create_options=_create_options,
    settings=pods.settings,
    given=pods.GIVEN,
    cron="airflow",
    cron_problem=partial(refused, "airflow"),
    timezone_problem=_timezone_problem,
    identity_settings=pods.identity_settings("airflow"),
    shape_settings=pods.SHAPE_SETTINGS,
    datastores=pods.DATASTORES,
    problems=_problems,
    runner="airflow",
    lacks=_lacks,
    create_arguments=_create_arguments,
)
