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


SENSOR = (
    "aws_conn_id",
    "allowed_states",
    "bucket_key",
    "bucket_name",
    "check_existence",
    "execution_delta",
    "exponential_backoff",
    "external_dag_id",
    "external_task_ids",
    "mode",
    "poke_interval",
    "soft_fail",
    "wildcard_match",
)


def plain(value):
    return value.total_seconds() if hasattr(value, "total_seconds") else value


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
        "deadline": own.get("active_deadline_seconds"),
        "retry_delay": one.retry_delay.total_seconds(),
        "requests": resources and resources.requests,
        "limits": resources and resources.limits,
        "image": own.get("image"),
        "namespace": own.get("namespace"),
        "service_account": own.get("service_account_name"),
        "node_selector": own.get("node_selector"),
        "in_cluster": own.get("in_cluster"),
        "sensor": {name: plain(own[name]) for name in SENSOR if name in own},
        "waits": plain(own.get("timeout")),
        "said": {} if mapped else said(one),
        "secrets": [[secret.deploy_type, secret.deploy_target, secret.secret] for secret in own.get("secrets", [])],
    }


def said(one):
    """Variables of a task that are the flow's own, as Airflow fills them in when the task runs."""
    entries = vars(one).get("env_vars") or []
    pairs = [(each["name"], each["value"]) if isinstance(each, dict) else (each.name, each.value) for each in entries]
    found = {name: value for name, value in pairs if name.startswith("SAID_")}
    return one.render_template(found, {}, one.get_template_env()) if found else {}


def param(one):
    return [one.value, one.schema.get("type"), one.description]


def schedule(timetable):
    if type(timetable).__name__ == "NullTimetable":
        return None
    return timetable.summary if version.startswith("2.") else timetable.expression


def dag(one):
    return {
        "file": one.fileloc,
        "schedule": schedule(one.timetable),
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
