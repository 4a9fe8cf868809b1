"""What `airflow create` would have written → the Airflow part of a CompiledFlow. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowinfra.compiler.recording import Reading, RecordedObject, Recording, Task
from flowinfra.model.compiled import MARK, Schedule
from flowinfra.targets.airflow.compiled import AirflowTarget
from flowinfra.targets.airflow.mends import mend_code, mend_dag

_ROOT = f"{MARK}prefix/"
_TEMPLATE = re.compile(
    r"# Deployed on \{\{deployed_on\}\}\s+CONFIG = \{\{\{config\}\}\}\s+\{\{\{utils\}\}\}\s+(?P<end>dag = .*)",
    re.DOTALL,
)
"""Metaflow's DAG file: date, description, code, and what calls it."""


def read(recording: Recording) -> Reading:
    """DAG, code and owner's record of a recording.

    Raises:
        LookupError, TypeError, ValueError: Metaflow made something else than what is known.
    """
    made = recording.one("create")
    template = _TEMPLATE.fullmatch(made["template"].strip())
    if template is None:
        raise ValueError("its DAG files are put together in another way")
    dag = mend_dag(made["dag"], made["types"], made["retries"], recording.request.shape.metadata, recording.python)
    arguments = dag["dag_instantiation_params"]
    schedule = arguments["schedule"]
    record = _deployment(recording, arguments["dag_id"])
    target = AirflowTarget(
        dag_id=arguments["dag_id"],
        dag=dag,
        code=f"{mend_code(made['code']).strip()}\n\n\n{template['end'].strip()}\n",
        deployment_key=record.key.removeprefix(_ROOT),
        deployment=record.body.decode(),
    )
    tasks = {name: state["operator_args"] for name, state in dag["states"].items() if _is_step(state)}
    return Reading(
        section=target.model_dump(mode="json"),
        package_keys=frozenset(_package_key(recording, task) for task in tasks.values()),
        compute="kubernetes",
        tasks={
            name: Task(attempts=task["retries"] + 1, timeout=task["active_deadline_seconds"])
            for name, task in tasks.items()
        },
        schedule=None if schedule is None else Schedule(cron=schedule),
        workflow_timeout=None if "dagrun_timeout" not in arguments else int(arguments["dagrun_timeout"]["seconds"]),
        held=frozenset((record.key,)),
    )


def _is_step(state: Mapping[str, Any]) -> bool:
    """A step of the flow, and no sensor."""
    return bool(state["operator_type"] == "kubernetes")


def _package_key(recording: Recording, task: Mapping[str, Any]) -> str:
    """Key that a task names as METAFLOW_CODE_URL."""
    [url] = [entry["value"] for entry in task["env_vars"] if entry["name"] == "METAFLOW_CODE_URL"]
    return recording.key(str(url))


def _deployment(recording: Recording, dag_id: str) -> RecordedObject:
    """The object that says who deploys the DAG."""
    [record] = [entry for entry in recording.objects if entry.key == f"{_ROOT}mf.airflow/{dag_id}"]
    return record
