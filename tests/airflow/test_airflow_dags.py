"""Real Airflows import our DAG files: task graph, schedule, parameters, mapped tasks. One import each, of all DAGs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.compiler.mends_airflow import CODE_MENDS, START_DATE
from flowinfra.components.airflow.bound import AirflowBound, bind
from flowinfra.components.airflow.plan import IGNORE
from flowinfra.model.compiled import AirflowCompiled, Shape
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
FLOWS = (
    "linear",
    "split",
    "foreach",
    "retry",
    "timeout",
    "workflow_timeout",
    "worker_pool",
    "airflow_s3_key_sensor",
    "airflow_external_task_sensor",
    "airflow_parameters",
    "project_production",
    "tags",
)
UNMENDED = {"version": CODE_MENDS[0], "secret": CODE_MENDS[1], "operator": CODE_MENDS[3]}
"""Name of a DAG → the mend that it does not have."""
FAILS = {"2.10": {"version"}, "2.11": {"version"}, "3": {"version", "secret", "operator"}}
"""Airflow → those that it cannot import."""


def bound(construct: str, **shape: Any) -> AirflowBound:
    [found] = [one for one in CONSTRUCTS if one.name == construct]
    request = found.request("airflow")
    request = CompileRequest(request.flow, "airflow", Shape.model_validate({**found.shape, **shape}), env=request.env)
    compiled = compile_flow(request)
    assert isinstance(compiled, AirflowCompiled)
    values = {"made-late": 7} if construct == "airflow_parameters" else {}
    return bind(compiled, IDENTITY, values)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAG folder with everything that is looked at below."""
    dags = tmp_path_factory.mktemp("dags")
    for name in FLOWS:
        made = bound(name, **({} if name == "project_production" else {"name": name}))
        (dags / f"{made.dag['dag_instantiation_params']['dag_id']}.py").write_text(made.file)
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
    assert set(dags) == {*FLOWS, "in_config_map"} - {"project_production"} | {"fraud_detection.prod.ProjectFlow"}
    assert_the_same_for_all(dags)
    graph = {name: task["downstream"] for name, task in dags["split"]["tasks"].items()}
    assert graph == {"start": ["left", "right"], "left": ["join"], "right": ["join"], "join": ["end"], "end": []}
    mapped = {name: task["over"] for name, task in dags["foreach"]["tasks"].items()}
    assert mapped == {"start": None, "work": "start", "join": None, "end": None}
    assert dags["foreach"]["tasks"]["work"]["downstream"] == ["join"]
    assert [task["retries"] for task in dags["retry"]["tasks"].values()].count(0) < len(dags["retry"]["tasks"])
    assert min(task["timeout"] for task in dags["timeout"]["tasks"].values()) < 432_000
    assert {task["pool"] for task in dags["worker_pool"]["tasks"].values()} == {"metaflow"}
    assert dags["tags"]["tags"] == ["nightly", "team:risk"]
    assert_parameters(dags["airflow_parameters"]["params"])
    assert_sensors(dags)


def assert_the_same_for_all(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert dag["start"].startswith(START_DATE)
        assert dag["catchup"] is False
        assert dag["paused"] is False
        assert dag["max_active_tasks"] == 100
        assert Path(dag["file"]).is_file()
    start = dags["linear"]["tasks"]["start"]
    assert start["type"] == "MetaflowKubernetesOperator"
    assert start["requests"] == {"cpu": "1", "memory": "4096M", "ephemeral-storage": "10240M"}


def assert_parameters(params: dict[str, list[Any]]) -> None:
    [words] = [params.pop("words")]
    assert words[1] == "string"
    assert '"note": ""' in words[0] or "s3://acme-metaflow/metaflow" in words[0]
    assert params == {
        "alpha": [0.01, "number", "The learning rate."],
        "rounds": [3, "integer", None],
        "note": ["it's $HOME", "string", None],
        "quick": ["True", "string", None],
        "shape": ['{"depth": 2}', "string", None],
        "made-late": [7, "integer", None],
    }


def assert_sensors(dags: dict[str, Any]) -> None:
    waiting = dags["airflow_s3_key_sensor"]["tasks"]["wait-for-file"]
    assert (waiting["type"], waiting["downstream"]) == ("S3KeySensor", ["start"])
    tasks = dags["airflow_external_task_sensor"]["tasks"].values()
    assert [task["downstream"] for task in tasks if task["type"] == "ExternalTaskSensor"] == [["start"], ["start"]]
    assert dags["airflow_external_task_sensor"]["schedule"] == "15 3 * * *"
