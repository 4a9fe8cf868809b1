"""The life of a flow on Airflow: the real engine, DAGs as objects of S3 in the embedded AWS, or in a folder."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.engine.preview import parse_preview
from flowinfra.report import text
from flowinfra.report.assemble import assemble
from flowinfra.report.sources import Folder, Sources
from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source

pytestmark = pytest.mark.engine


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
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


BEFORE = """
from metaflow import FlowSpec, Parameter, resources, retry, schedule, step


@schedule(daily=True)
class NAME(FlowSpec):
    alpha = Parameter("alpha", default=0.01)
    note = Parameter("note", default="nightly")

    @step
    def start(self):
        self.next(self.train)

    @retry(times=2)
    @step
    def train(self):
        self.next(self.score)

    @step
    def score(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    NAME()
"""
AFTER = (
    BEFORE.replace("daily", "hourly")
    .replace("default=0.01", "default=0.02")
    .replace('note = Parameter("note", default="nightly")', 'rounds = Parameter("rounds", default=3)')
    .replace("self.next(self.train)", "self.next(self.audit)")
    .replace("times=2", "times=1")
    .replace("    @step\n    def score", "    @step\n    def score_all")
    .replace("self.next(self.score)", "self.next(self.end)")
    .replace(
        "    @step\n    def score_all(self):\n        self.next(self.end)\n",
        "    @resources(memory=2048)\n    @step\n    def audit(self):\n        self.next(self.train)\n",
    )
)
CHANGES = (
    "~ step start: next train → audit",
    "+ step audit added: cpu 1, memory 4096 MB",
    "- step score removed",
    "~ step train: memory 4096 → 8192 MB",
    "~ step train: retries 2 → 1",
    "~ parameter alpha: default 0.01 → 0.02",
    "+ parameter rounds added: int, default 3",
    "- parameter note removed, was str, default nightly",
    "~ schedule: @daily → @hourly (once a day → 24 times a day)",
    "~ max workers: 100 → 7",
)
"""A change of each kind, in the report's words."""


def test_a_dag_comes_changes_and_goes(project: Project, tmp_path: Path) -> None:
    name = f"Air{project.name}"
    project.write("flow.py", BEFORE.replace("NAME", name))
    flow = {"flow": "flow.py", "target": "airflow", "airflow": {"worker_pool": "ml"}}
    in_s3 = platform({"s3": f"s3://metaflow-local/{project.name}"})
    project.configure(flow, platform=in_s3)
    project.make()
    assert "its tasks run in the pool 'ml'" in project.pulumi("preview")
    project.up()
    [file] = dags(project).values()
    assert f'"dag_id": "{name}"' in file
    assert '"pool": "ml"' in file
    owner = project.cloud.client("s3").get_object(Bucket="metaflow-local", Key=f"metaflow/mf.airflow/{name}")
    assert json.loads(owner["Body"].read())["owner"] == "flowinfra"
    outputs = json.loads(project.pulumi("stack", "output", "--json"))["flows"][name]
    assert (outputs["dag_id"], outputs["file"]) == (name, f"s3://metaflow-local/{project.name}/{name}.py")
    assert "the pool 'ml'" not in project.pulumi("preview", "--expect-no-changes")

    # a label is bound: it is in the DAG file and in the component's inputs, and no version of the flow is new
    project.configure({**flow, "airflow": {"worker_pool": "ml", "labels": {"team": "risk"}}}, platform=in_s3)
    assert "+ label team added: risk" in reported(project)
    operations = {label: step["op"] for label, step in project.preview().items()}
    assert operations == {name: "update", f"{name}-dag": "update"}
    project.configure(flow, platform=in_s3)

    project.write("flow.py", AFTER.replace("NAME", name))
    project.configure({**flow, "max_workers": 7, "steps": {"train": {"memory": 8192}}}, platform=in_s3)
    change = project.pulumi("preview", "--diff")
    assert re.search(r"\+ memory *: 8192", change), change
    assert "CONFIG" not in change
    told = reported(project)
    assert [line for line in CHANGES if line not in told] == [], told
    assert "CONFIG" not in told
    assert "step end" not in told
    project.write("flow.py", BEFORE.replace("NAME", name))

    # the same DAGs in a folder: the object goes, the file comes
    folder = tmp_path / "dags"
    folder.mkdir()
    project.configure(flow, platform=platform({"folder": str(folder)}))
    project.up()
    assert dags(project) == {}
    assert (folder / f"{name}.py").read_text() == file
    project.pulumi("preview", "--expect-no-changes")

    project.write("flow.py", AFTER.replace("NAME", name))
    project.up()
    assert (folder / f"{name}.py").read_text() != file
    assert project.flowinfra("rollback", "test", name, "--yes", "--json")["deployed"] is True
    assert (folder / f"{name}.py").read_text() == file

    gc = ("gc", "test", "--json", "--airflow-days", "0")
    left = project.flowinfra(*gc)
    assert (left["remove"], left["unknown"]) == ([], "")

    project.configure(platform=platform({"folder": str(folder)}))
    project.up()
    assert list(folder.iterdir()) == []
    objects = project.objects(name)
    assert objects != []
    left = project.flowinfra(*gc)
    kept = {"deployment", "compiled-flow"}
    assert {item["kind"] for item in left["remove"]} > kept
    removed = sorted(item["name"] for item in left["remove"] if item["kind"] not in kept)
    assert removed == [f"s3://metaflow-local/{key}" for key in sorted(objects)]


def test_a_file_of_somebody_else_is_not_replaced(project: Project, tmp_path: Path) -> None:
    s3, key, url = project.cloud.client("s3"), f"{project.name}/F.py", f"s3://metaflow-local/{project.name}/F.py"
    project.write("flow.py", flow_source("F"))
    flow = {"flow": "flow.py", "target": "airflow"}
    project.configure(flow, platform=platform({"s3": f"s3://metaflow-local/{project.name}"}))
    s3.put_object(Bucket="metaflow-local", Key=key, Body=b"theirs", Tagging="flowinfra:project=x&flowinfra:stack=prod")
    project.pulumi("stack", "init", "--stack", "test")
    (project.folder / ".made").touch()
    project.configure(flow, platform=platform({"s3": "s3://bucket-that-is-not-there/dags"}))
    assert "Traceback" not in project.pulumi("preview")
    project.configure(flow, platform=platform({"s3": f"s3://metaflow-local/{project.name}"}))
    # as Metaflow writes it when somebody deploys the DAG by hand
    owner, record = "metaflow/mf.airflow/F", "s3://metaflow-local/metaflow/mf.airflow/F"
    by_hand = json.dumps({"production_token": "f-0-abcd", "owner": "alice"}).encode()
    s3.put_object(Bucket="metaflow-local", Key=owner, Body=by_hand)
    up = ("up", "--yes", "--skip-preview")
    for place, whose, *runs in ((record, "not of this stack", ("preview",), up), (url, "that of the stack x/prod", up)):
        for words in runs:
            printed = project.pulumi(*words, fails=True)
            assert re.search(rf"{place},? is there already, and is {whose}: it is not replaced\.", printed), printed
            assert f"Remove it (`aws s3 rm {place}`)" in printed
            assert "Traceback" not in printed
        if place == record:
            assert s3.get_object(Bucket="metaflow-local", Key=owner)["Body"].read() == by_hand
            s3.delete_object(Bucket="metaflow-local", Key=owner)
        assert dags(project) == {"F.py": "theirs"}
    # what a deploy that was killed left
    mine = f"flowinfra:project={project.name}&flowinfra:stack=test"
    s3.put_object(Bucket="metaflow-local", Key=key, Body=b"mine", Tagging=mine)
    project.up()
    # what the stack has is its own, whatever somebody did to it
    s3.put_object(Bucket="metaflow-local", Key=key, Body=b"theirs again")
    project.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert "CONFIG" in dags(project)["F.py"]

    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "F.py").write_text("theirs")
    project.configure(flow, platform=platform({"folder": str(folder)}))
    printed = project.pulumi("preview", fails=True)
    assert f"{folder}/F.py is there already, and is not of this stack: it is not replaced." in printed


def test_a_preview_stack_comes_and_goes(project: Project) -> None:
    stack, name, s3 = f"pr-{project.name}", f"Air{project.name}", project.cloud.client("s3")
    prefix = f"metaflow/previews/{stack}/"
    project.write("train.py", BEFORE.replace("NAME", name))
    in_s3 = platform({"s3": f"s3://metaflow-local/{project.name}"})
    project.configure({"flow": "train.py", "target": "airflow"}, platform=in_s3)
    # of the other stack
    s3.put_object(Bucket="metaflow-local", Key=f"{project.name}/{name}.py", Body=b"theirs")

    project.preview_stack("up", stack, "--of", "test")
    files = dags(project)
    assert files.pop(f"{name}.py") == "theirs"
    dag = f"{stack}-train"
    [(file, text)] = files.items()
    assert file == f"{dag}.py"
    assert f'"dag_id": "{dag}"' in text
    assert '"schedule": None' in text
    assert f"s3://metaflow-local/{prefix}" in text
    owner = s3.get_object(Bucket="metaflow-local", Key=f"{prefix}mf.airflow/{dag}")
    assert json.loads(owner["Body"].read())["owner"] == "flowinfra"

    # what a run wrote
    s3.put_object(Bucket="metaflow-local", Key=f"{prefix}{name}/data/ab/abcd", Body=b"artifact")
    told = project.preview_stack("down", stack)
    assert f"Airflow is not asked: tasks of {dag} that run go on to their end; no further ones start once" in told
    assert told.endswith(f"Preview stack {stack} is removed.\n")
    assert dags(project) == {f"{name}.py": "theirs"}
    assert "Contents" not in s3.list_objects_v2(Bucket="metaflow-local", Prefix=prefix)
    assert [path.name for path in (project.folder / "stacks").iterdir()] == ["Pulumi.test.yaml"]


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


def test_a_preview_says_what_a_rename_loses(project: Project) -> None:
    place = platform({"s3": f"s3://metaflow-local/{project.name}"})
    project.write("old.py", flow_source("Old"))
    project.configure({"flow": "old.py", "target": "airflow"}, platform=place)
    project.up()
    project.write("new.py", flow_source("New"))
    renamed = {"flow": "new.py", "target": "airflow", "renamed_from": "Old"}
    project.configure({**renamed, "name": "Old"}, platform=place)
    assert "was deployed as" not in project.pulumi("preview")
    project.configure(renamed, platform=place)
    assert "New was deployed as Old: that DAG leaves with its file. Its runs start no further" in project.pulumi(
        "preview"
    )
    project.up()
    assert list(dags(project)) == ["New.py"]
    assert project.preview() == {}
