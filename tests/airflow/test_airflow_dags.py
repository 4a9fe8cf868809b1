"""Real Airflows import our DAG files: task graph, schedule, parameters, mapped tasks. One import each, of all DAGs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import compile_flow
from flowinfra.targets import shape_of
from flowinfra.targets.airflow.bound import AirflowBound, bind
from flowinfra.targets.airflow.compiled import AirflowCompiled
from flowinfra.targets.airflow.mends import CODE_MENDS, START_DATE
from flowinfra.targets.airflow.plan import IGNORE
from tests.airflow.installations import VERSIONS, inspected, unsupported
from tests.unit.constructs import CONSTRUCTS

# one worker: an installation is made once
pytestmark = pytest.mark.xdist_group("airflow")

IDENTITY = {
    "bucket": "acme-metaflow",
    "prefix": "metaflow",
    "kubernetes-namespace": "jobs",
    "service-account": "runner",
    "owner": "flowinfra",
    "token": "a-token",
}
SAID = {
    "SAID_NAME": "Dear {{ name }}",
    "SAID_DAY": "{{ ds }}",
    "SAID_RAW": "{% raw %}{{ x }}{% endraw %} {% endraw %}",
    "SAID_NOTE": '{# it\'s "left" out #}\\n',
    "SAID_LINES": "a\r\n{{\n",
    "SAID_FILE": "settings.yaml",
}
"""Variables that Airflow would take for templates."""
FLOWS: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        name: (name, {"name": name})
        for name in (
            "linear",
            "split",
            "foreach",
            "retry",
            "timeout",
            "worker_pool",
            "paused",
            "max_workers",
            "airflow_s3_key_sensor",
            "airflow_external_task_sensor",
            "airflow_parameters",
            "tags",
            "schedule_hourly",
        )
    },
    "fraud_detection.prod.ProjectFlow": ("project_production", {}),
    "time_limit": ("schedule_daily", {"name": "time_limit", "workflow_timeout": 3600}),
    "said": ("linear", {"name": "said", "steps": {"start": {"environment": SAID}}}),
    "placed": (
        "foreach",
        {
            "name": "placed",
            "worker_pool": "gpus",
            "steps": {
                "work": {
                    "cpu": 2,
                    "memory": 8192,
                    "gpu": 1,
                    "disk": 20480,
                    "image": "example.com/train:1",
                    "node_selector": {"kind": "big"},
                    "secrets": ["database", "api"],
                    "service_account": "trainer",
                }
            },
        },
    ),
}
"""DAG id → construct, and options that it is compiled with."""
UNMENDED = {"version": CODE_MENDS[0], "secret": CODE_MENDS[1], "operator": CODE_MENDS[3]}
"""Name of a DAG → the mend that it does not have."""
FAILS = {"2.10": {"version"}, "2.11": {"version"}, "3": {"version", "secret", "operator"}}
"""Airflow → those that it cannot import."""


def bound(construct: str, **shape: Any) -> AirflowBound:
    [found] = [one for one in CONSTRUCTS if one.name == construct]
    request = found.request("airflow")
    request = replace(request, shape=shape_of("airflow", {**found.shape, **shape}))
    compiled = compile_flow(request)
    assert isinstance(compiled, AirflowCompiled)
    values = {"made-late": 7} if construct == "airflow_parameters" else {}
    return bind(compiled, IDENTITY, values)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAG folder with everything that is looked at below."""
    dags = tmp_path_factory.mktemp("dags")
    for name, (construct, shape) in FLOWS.items():
        (dags / f"{name}.py").write_text(bound(construct, **shape).file)
    linear = bound("linear", name="linear").file
    for name, (metaflows, ours) in UNMENDED.items():
        text = linear.replace(ours, metaflows).replace('"dag_id": "linear"', f'"dag_id": "{name}"')
        (dags / f"{name}.py").write_text(text)
    # as Kubernetes mounts a ConfigMap
    mounted = dags / "mounted"
    files = mounted / "..2026_01_02_03_04_05.678"
    files.mkdir(parents=True)
    (files / "in_config_map.py").write_text(linear.replace('"dag_id": "linear"', '"dag_id": "in_config_map"'))
    (files / ".airflowignore").write_text(f"{IGNORE}\n")
    (mounted / "..data").symlink_to(files.name)
    for name in ("in_config_map.py", ".airflowignore"):
        (mounted / name).symlink_to(f"..data/{name}")
    return dags


@pytest.mark.versions
@pytest.mark.parametrize("version", VERSIONS)
def test_airflow_takes_the_dags(version: str, folder: Path) -> None:
    if reason := unsupported(version):
        pytest.skip(reason)
    found = inspected(version, folder)
    assert found["version"].startswith(version)
    assert {Path(file).stem for file in found["errors"]} == FAILS[version]
    assert found["errors"][str(folder / "version.py")] == "KeyError: 'versions'"
    dags = {name: dag for name, dag in found["dags"].items() if name not in UNMENDED}
    assert set(dags) == {*FLOWS, "in_config_map"}
    assert_the_same_for_all(dags)
    assert_options(dags)
    graph = {name: task["downstream"] for name, task in dags["split"]["tasks"].items()}
    assert graph == {"start": ["left", "right"], "left": ["join"], "right": ["join"], "join": ["end"], "end": []}
    mapped = {name: task["over"] for name, task in dags["foreach"]["tasks"].items()}
    assert mapped == {"start": None, "work": "start", "join": None, "end": None}
    assert dags["foreach"]["tasks"]["work"]["downstream"] == ["join"]
    assert_parameters(dags["airflow_parameters"]["params"])
    assert_sensors(dags)
    assert dags["said"]["tasks"]["start"]["said"] == SAID


def assert_the_same_for_all(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert dag["start"].startswith(START_DATE)
        assert dag["catchup"] is False
        assert Path(dag["file"]).is_file()
    start = dags["linear"]["tasks"]["start"]
    assert start["type"] == "MetaflowKubernetesOperator"
    assert start["requests"] == {"cpu": "1", "memory": "4096M", "ephemeral-storage": "10240M"}


def assert_options(dags: dict[str, Any]) -> None:
    """What is given to the whole DAG, and what is a step's own; the latter also where a step is mapped."""
    options = {
        name: [dag["schedule"], dag["timeout"], dag["paused"], dag["max_active_tasks"], dag["tags"]]
        for name, dag in dags.items()
    }
    plain: list[Any] = [None, None, False, 100, []]
    changed = {name: found for name, found in options.items() if found != plain}
    assert changed == {
        "paused": [None, None, True, 100, []],
        "max_workers": [None, None, False, 7, []],
        "tags": [None, None, False, 100, ["nightly", "team:risk"]],
        "schedule_hourly": ["0 * * * *", None, False, 100, []],
        "time_limit": ["0 0 * * *", 3600, False, 100, []],
        "airflow_external_task_sensor": ["15 3 * * *", None, False, 100, []],
    }
    pools = {name: {task["pool"] for task in dag["tasks"].values()} for name, dag in dags.items()}
    assert {name: pool for name, pool in pools.items() if pool != {"default_pool"}} == {
        "worker_pool": {"metaflow"},
        "placed": {"gpus"},
    }
    retries = {name: (task["retries"], task["retry_delay"]) for name, task in dags["retry"]["tasks"].items()}
    assert retries == {"start": (3, 120), "work": (1, 0), "end": (0, 200)}
    limits = {name: task["timeout"] for name, task in dags["timeout"]["tasks"].items()}
    # the hour that a pod may wait for its node is not the step's
    assert limits == {"start": 3600 + 3723, "work": 3600 + 90, "end": 3600 + 432_000}
    deadlines = {name: task["deadline"] for name, task in dags["timeout"]["tasks"].items()}
    assert deadlines == {"start": 3723, "work": 90, "end": 432_000}
    work = dags["placed"]["tasks"]["work"]
    assert work["over"] == "start"
    assert (work["image"], work["node_selector"], work["service_account"], work["namespace"], work["in_cluster"]) == (
        "example.com/train:1",
        {"kind": "big"},
        "trainer",
        "jobs",
        True,
    )
    assert work["requests"] == {"cpu": "2.0", "memory": "8192.0M", "ephemeral-storage": "20480.0M"}
    assert work["limits"] == {"nvidia.com/gpu": "1"}
    assert work["secrets"] == [["env", None, "database"], ["env", None, "api"]]


def assert_parameters(params: dict[str, list[Any]]) -> None:
    [words] = [params.pop("words")]
    assert words[1] == "string"
    assert '"note": ""' in words[0] or "s3://acme-metaflow/metaflow" in words[0]
    assert params == {
        "alpha": [0.01, "number", "The learning rate."],
        "rate": [1, "number", None],
        "rounds": [3, "integer", None],
        "note": ["it's $HOME", "string", None],
        "quick": [True, ["boolean", "string"], None],
        "shape": ['{"depth": 2}', None, None],
        "made-late": ["7", "string", None],
    }


def assert_sensors(dags: dict[str, Any]) -> None:
    for name in ("airflow_s3_key_sensor", "airflow_external_task_sensor"):
        sensors = [task for task in dags[name]["tasks"].values() if task["type"] != "MetaflowKubernetesOperator"]
        assert [task["downstream"] for task in sensors] == [["start"]] * len(sensors)
    usual = {"exponential_backoff": True, "poke_interval": 60, "soft_fail": False}
    file = dags["airflow_s3_key_sensor"]["tasks"]["wait-for-file"]
    assert (file["type"], file["waits"]) == ("S3KeySensor", 600)
    assert (
        file["sensor"].items()
        >= {
            **usual,
            "aws_conn_id": "aws_default",
            "bucket_key": "s3://incoming/*.csv",
            "bucket_name": None,
            "mode": "reschedule",
            "wildcard_match": True,
        }.items()
    )
    tasks = dags["airflow_external_task_sensor"]["tasks"].values()
    waiting = {task["sensor"]["external_dag_id"]: task for task in tasks if task["type"] == "ExternalTaskSensor"}
    assert {task["waits"] for task in waiting.values()} == {3600}
    found = {
        name: {key: value for key, value in task["sensor"].items() if key not in usual}
        for name, task in waiting.items()
    }
    shared = {"allowed_states": ["success"], "check_existence": True}
    assert found == {
        "ingest": {
            **shared,
            "external_dag_id": "ingest",
            "external_task_ids": None,
            "execution_delta": 3600,
            "mode": "reschedule",
        },
        "prices": {
            **shared,
            "external_dag_id": "prices",
            "external_task_ids": ["load"],
            "execution_delta": None,
            "mode": "poke",
        },
    }
    assert all(task["sensor"].items() >= usual.items() for task in waiting.values())
