"""A DAG of ours run to its end by real Airflows, and what Metaflow's tools make of the run.

Pods are processes here (see settings/) and S3 is moto; Airflow, its templates, its XComs and mapped tasks are real,
and so are the tasks.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from flowinfra.compiler import CompileRequest, blob_path, compile_flow
from flowinfra.targets import shape_of
from flowinfra.targets.airflow.bound import bind
from flowinfra.targets.airflow.compiled import AirflowCompiled
from tests.airflow.installations import HERE, python_with, unsupported
from tests.tasks import LEAN
from tests.unit.components.airflow import IDENTITY
from tests.unit.sources import write_flow

# one worker: an installation is made once
pytestmark = pytest.mark.xdist_group("airflow")

BUCKET, ROOT = IDENTITY["bucket"], f"s3://{IDENTITY['bucket']}/{IDENTITY['prefix']}"
FLOW = HERE.parent / "cluster" / "flows" / "shapes" / "shapes_flow.py"
WORD = "a $(id) `id` \"q\" 'q' {{ ds }} $$ $(HOME) grün"
PATIENCE = 600.0
"""Seconds for a scheduler to run two steps, and to end."""
ASK = """
import json, sys
from metaflow import Run, namespace
namespace(sys.argv[2])
run = Run("ShapesFlow/" + sys.argv[1])
print(json.dumps({
    "successful": run.successful,
    "said": run["end"].task.data.said,
    "attempts": sorted(task.metadata_dict["attempt"] for task in run["work"]),
    "dag_run": run["end"].task.metadata_dict["airflow-dag-run-id"],
}))
"""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Variables that lead to an S3 with the datastore's bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    yield variables
    server.stop()


def command(words: list[str], env: Mapping[str, str], cwd: Path) -> str:
    done = subprocess.run(words, env=dict(env), cwd=cwd, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def deployed(dags: Path, flow: Path, **shape: Any) -> None:
    """The flow's package in the datastore, and its DAG file."""
    compiled = compile_flow(CompileRequest(flow, "airflow", shape_of("airflow", shape)))
    assert isinstance(compiled, AirflowCompiled)
    s3: Any = boto3.client("s3")
    for entry in compiled.objects.values():
        body = blob_path(entry.sha256).read_bytes()
        s3.put_object(Bucket=BUCKET, Key=f"{IDENTITY['prefix']}/{entry.key}", Body=body, Metadata=entry.metadata)
    dags.mkdir(exist_ok=True)
    (dags / f"{compiled.airflow.dag_id}.py").write_text(bind(compiled, IDENTITY).file)


def installed(version: str, folder: Path, aws: Mapping[str, str]) -> dict[str, str]:
    """Variables of an Airflow with its files in `folder`, its database made."""
    tools = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    task = {
        "PATH": tools,
        "HOME": str(folder),
        "PYTHONPATH": str(HERE / "pod"),
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
        **LEAN,
        **aws,
    }
    python = python_with(version)
    airflow = {
        "PATH": f"{Path(python).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
        "PYTHONPATH": str(HERE / "settings"),
        "TASK_ENVIRONMENT": json.dumps(task),
        "TASK_LOG": str(folder / "tasks.log"),
    }
    command([python, "-m", "airflow", "db", "migrate"], airflow, folder)
    return airflow


def run(
    version: str, folder: Path, aws: Mapping[str, str], conf: Mapping[str, Any], name: str = "ShapesFlow"
) -> dict[str, str]:
    """State and ids of a run of the DAG."""
    airflow, out = installed(version, folder, aws), folder / "ran.json"
    dag = str(folder / "dags" / f"{name}.py")
    command([python_with(version), str(HERE / "run_dag.py"), dag, json.dumps(conf), str(out)], airflow, folder)
    found: dict[str, str] = json.loads(out.read_text())
    return found


@pytest.mark.versions
# a foreach over one item and over two: Airflow 3 gives the one another way
@pytest.mark.parametrize(("version", "count"), [("2.10", 2), ("3", 1)])
def test_a_run_to_its_end(version: str, count: int, aws: dict[str, str], tmp_path: Path) -> None:
    if reason := unsupported(version):
        pytest.skip(reason)
    deployed(tmp_path / "dags", FLOW)
    ran = run(version, tmp_path, aws, {"count": count, "word": WORD})
    assert ran["state"].endswith("success")

    names = "-".join((ran["run_id"], ran["dag_id"]))
    run_id = f"airflow-{hashlib.md5(names.encode()).hexdigest()[:12]}"
    laptop = tmp_path / "laptop"
    laptop.mkdir()
    shutil.copy(FLOW, laptop)
    person = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(laptop),
        "USERNAME": "ann",
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": ROOT,
        "METAFLOW_DATATOOLS_S3ROOT": f"{ROOT}/data",
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_S3_WORKER_COUNT": "2",
        **aws,
    }
    command(["flowinfra", "pull", "ShapesFlow"], person, laptop)
    token = IDENTITY["token"]
    found = json.loads(command([sys.executable, "-c", ASK, run_id, f"production:{token}"], person, laptop))
    assert found == {
        "successful": True,
        "said": f"{WORD}: {[one**2 for one in range(count)]} ['left', 'right']",
        "attempts": ["0"] * (count - 1) + ["1"],
        "dag_run": ran["run_id"],
    }
    resumed = command(
        [sys.executable, FLOW.name, "--no-pylint", "resume", "both", "--origin-run-id", run_id], person, laptop
    )
    assert f"ShapesFlow/{run_id} cloned!" in resumed
    assert "Done!" in resumed


KILLED = """
    @catch(var="failure")
    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        import os
        os.kill(os.getpid(), 9)
        self.next(self.end)

    @step
    def end(self):
        print("after", self.failure)
"""


@pytest.mark.versions
@pytest.mark.parametrize("version", ["2.10", "3"])
def test_a_run_goes_on_after_a_caught_step_whose_pods_were_killed(
    version: str, aws: dict[str, str], tmp_path: Path
) -> None:
    if reason := unsupported(version):
        pytest.skip(reason)
    deployed(tmp_path / "dags", write_flow(tmp_path / "flow", body=KILLED))
    ran = run(version, tmp_path, aws, {}, "SmallFlow")
    log = (tmp_path / "tasks.log").read_text()
    assert ran["state"].endswith("success"), log[-3000:]
    tries = [line for line in log.splitlines() if line.startswith("== ")]
    assert tries == ["== start -1 1", "== start -1 2", "== start -1 3", "== end -1 1"]
    assert "after" in log.rpartition("== end")[2]


@pytest.mark.versions
def test_a_scheduler_runs_what_is_due_and_leaves_what_is_paused(aws: dict[str, str], tmp_path: Path) -> None:
    version = "2.10"
    if reason := unsupported(version):
        pytest.skip(reason)
    flow = HERE.parent / "flows" / "schedule_daily" / "flow.py"
    deployed(tmp_path / "dags", flow, name="due")
    deployed(tmp_path / "dags", flow, name="waiting", paused=True)
    airflow = installed(version, tmp_path, aws)
    with (tmp_path / "scheduler.log").open("wb") as log:
        scheduler = subprocess.Popen(
            [python_with(version), "-m", "airflow", "scheduler", "--skip-serve-logs"],
            env=airflow,
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    try:
        dags: list[tuple[Any, ...]] = []
        runs: list[tuple[Any, ...]] = []
        ended = time.monotonic() + PATIENCE
        while len(dags) < 2 or not runs or runs[0][-1] not in ("success", "failed"):
            assert scheduler.poll() is None, (tmp_path / "scheduler.log").read_text()[-3000:]
            assert time.monotonic() < ended, (runs, (tmp_path / "scheduler.log").read_text()[-3000:])
            time.sleep(1)
            dags = rows(tmp_path, "SELECT dag_id, is_paused FROM dag ORDER BY dag_id")
            runs = rows(tmp_path, "SELECT dag_id, run_type, state FROM dag_run")
        assert runs == [("due", "scheduled", "success")]
        assert dags == [("due", False), ("waiting", True)]
    finally:
        scheduler.terminate()  # it ends what it has started
        try:
            scheduler.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            scheduler.kill()
            raise


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What Airflow's database says."""
    database = sqlite3.connect(f"file:{folder}/airflow/airflow.db?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()
