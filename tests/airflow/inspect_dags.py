"""Runs in an installation of Airflow: import a folder of DAGs as its processor does, and write down what they are."""

import json
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

from airflow.version import version  # noqa: E402

if version.startswith("2."):
    from airflow.models import DagBag

    options = {"include_examples": False}
else:
    from airflow.dag_processing.dagbag import DagBag

    options = {}


def task(one):
    mapped = hasattr(one, "expand_input")
    own = one.partial_kwargs if mapped else vars(one)
    resources = own.get("container_resources")
    return {
        "type": one.operator_class.__name__ if mapped else type(one).__name__,
        "over": one.expand_input.value["mapper_arr"].operator.task_id if mapped else None,
        "downstream": sorted(one.downstream_task_ids),
        "retries": one.retries,
        "pool": one.pool,
        "timeout": one.execution_timeout.total_seconds(),
        "requests": resources and resources.requests,
        "secrets": [[secret.deploy_type, secret.deploy_target, secret.secret] for secret in own.get("secrets", [])],
    }


def param(one):
    return [one.value, one.schema.get("type"), one.description]


def dag(one):
    return {
        "file": one.fileloc,
        "schedule": one.timetable.summary if version.startswith("2.") else getattr(one.timetable, "expression", None),
        "start": one.start_date.isoformat(),
        "catchup": one.catchup,
        "paused": one.is_paused_upon_creation,
        "max_active_tasks": one.max_active_tasks,
        "timeout": one.dagrun_timeout and one.dagrun_timeout.total_seconds(),
        "tags": sorted(one.tags),
        "params": {name: param(one.params.get_param(name)) for name in one.params},
        "tasks": {found.task_id: task(found) for found in one.tasks},
    }


began = time.perf_counter()
bag = DagBag(sys.argv[1], **options)
found = {
    "version": version,
    "seconds": time.perf_counter() - began,
    "dags": {name: dag(one) for name, one in bag.dags.items()},
    "errors": {file: text.strip().splitlines()[-1] for file, text in bag.import_errors.items()},
}
Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
