"""What a DAG needs of an Airflow that nobody here can ask. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from flowinfra.targets.airflow.compiled import AirflowCompiled


def needs(compiled: AirflowCompiled) -> Iterator[str]:
    """What has to be there before the DAG's first run, in words."""
    dag = compiled.airflow.dag
    if pool := dag["dag_instantiation_params"]["default_args"].get("pool"):
        # a task in a pool that is missing is never queued: airflow.jobs.scheduler_job_runner
        yield (
            f"{compiled.name}: its tasks run in the pool {pool!r}. Airflow makes no pool, and a task in one that is "
            f'missing waits for ever: `airflow pools set {pool} 16 "tasks of Metaflow"`, or in Admin, Pools'
        )
    if dag["metadata"]["contains_foreach"]:
        # `core.max_map_length`: airflow.models.taskinstance (2), airflow.api_fastapi.execution_api (3)
        yield (
            f"{compiled.name}: Airflow makes at most 1,024 tasks of a foreach, or what its setting "
            "`core.max_map_length` says: the step before more of them fails"
        )
