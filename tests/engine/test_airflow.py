"""The life of a flow on Airflow: the real engine, DAGs as objects of S3 in the embedded AWS, or in a folder."""

from __future__ import annotations

import io
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.report import text
from flowinfra.report.assemble import assemble
from flowinfra.report.preview import parse_preview
from flowinfra.report.sources import Folder, Sources
from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source

pytestmark = pytest.mark.engine


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    # what Pulumi's own distribution brings for dynamic providers
    plugin = tmp_path / "bin" / "pulumi-resource-pulumi-python"
    plugin.parent.mkdir()
    plugin.write_text('#!/bin/sh\nexec python -m pulumi.dynamic "$@"\n')
    plugin.chmod(0o755)
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
    project.variables = {**project.variables, "PATH": f"{plugin.parent}:{cloud.environment['PATH']}"}
    yield project
    if (project.folder / ".made").exists():
        project.pulumi("destroy", "--yes", "--skip-preview")


def platform(dags: dict[str, str]) -> dict[str, Any]:
    return {"bucket": "metaflow-local", "airflow": {"namespace": "jobs", "dags": dags}}


def dags(project: Project) -> dict[str, str]:
    """Name → text of the DAG files in the project's folder of the bucket."""
    s3 = project.cloud.client("s3")
    found = s3.list_objects_v2(Bucket="metaflow-local", Prefix=f"{project.name}/").get("Contents", [])
    return {
        entry["Key"].removeprefix(f"{project.name}/"): s3.get_object(Bucket="metaflow-local", Key=entry["Key"])["Body"]
        .read()
        .decode()
        for entry in found
    }


def reported(project: Project) -> str:
    """The report of a preview, as text."""
    previewed = subprocess.run(
        ["pulumi", "preview", "--json", "--non-interactive", "-s", "test"],
        cwd=project.folder,
        env={**os.environ, **project.cloud.environment, **project.variables},
        capture_output=True,
        timeout=300,
        check=True,
    )
    out = io.StringIO()
    sources = Sources(Folder(project.folder), Folder(project.folder))
    text.render(assemble([parse_preview(previewed.stdout, "preview.json")], sources), out)
    return out.getvalue()


def test_a_dag_comes_changes_and_goes(project: Project, tmp_path: Path) -> None:
    name = f"Air{project.name}"
    project.write("flow.py", flow_source(name, "train", header="@schedule(daily=True)"))
    flow = {"flow": "flow.py", "target": "airflow", "worker_pool": "ml"}
    in_s3 = platform({"s3": f"s3://metaflow-local/{project.name}"})
    project.configure(flow, platform=in_s3)
    project.up()
    [file] = dags(project).values()
    assert f'"dag_id": "{name}"' in file
    assert '"pool": "ml"' in file
    owner = project.cloud.client("s3").get_object(Bucket="metaflow-local", Key=f"metaflow/mf.airflow/{name}")
    assert json.loads(owner["Body"].read())["owner"] == "flowinfra"
    outputs = json.loads(project.pulumi("stack", "output", "--json"))["flows"][name]
    assert (outputs["dag_id"], outputs["file"]) == (name, f"s3://metaflow-local/{project.name}/{name}.py")
    project.pulumi("preview", "--expect-no-changes")

    project.configure({**flow, "steps": {"train": {"memory": 8192}}}, platform=in_s3)
    change = project.pulumi("preview", "--diff")
    assert "memory: 4096 => 8192" in change
    assert "CONFIG" not in change
    told = reported(project)
    assert "memory 4096 → 8192" in told
    assert "CONFIG" not in told

    # the same DAGs in a folder: the object goes, the file comes
    folder = tmp_path / "dags"
    folder.mkdir()
    project.configure(flow, platform=platform({"folder": str(folder)}))
    project.up()
    assert dags(project) == {}
    assert (folder / f"{name}.py").read_text() == file
    project.pulumi("preview", "--expect-no-changes")

    project.configure(platform=platform({"folder": str(folder)}))
    project.up()
    assert list(folder.iterdir()) == []
    assert project.objects(name) != []


def test_two_flows_of_one_id_are_refused_at_preview(project: Project) -> None:
    project.write("a.py", flow_source("Twice"))
    project.write("b.py", flow_source("Twice"))
    project.configure(
        {"flow": "a.py", "target": "airflow"},
        {"flow": "b.py", "target": "airflow", "workflow_timeout": 60},
        platform=platform({"s3": "s3://metaflow-local/dags"}),
    )
    project.pulumi("stack", "init", "--stack", "test")
    (project.folder / ".made").touch()
    printed = project.pulumi("preview", fails=True)
    assert "a.py and b.py are both the DAG 'Twice'" in printed
    assert "Traceback" not in printed
