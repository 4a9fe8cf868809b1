"""What keeps production safe: a protected flow is updated alone, and a renamed one stays what it was where it can."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source
from tests.unit.test_provenance import git


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
    yield project
    project.pulumi("state", "unprotect", "--all", "--yes")
    project.pulumi("destroy", "--yes", "--skip-preview")


def test_a_protected_flow(project: Project) -> None:
    project.write("kept.py", flow_source("Kept"))
    project.write("free.py", flow_source("Free"))
    kept, free = {"flow": "kept.py", "protect": True}, {"flow": "free.py"}
    project.configure(kept, free)
    project.up()

    # what is made anew with each version of a flow is not what is protected
    project.write("kept.py", flow_source("Kept", body="print(1)"))
    project.up()

    project.configure(kept)
    project.up()
    assert set(project.machines()) == {"Kept"}

    project.configure(free)
    refused = project.pulumi("preview", fails=True)
    assert f"{project.name}_Kept-state-machine" in refused
    assert "protected" in refused

    project.configure({**kept, "name": "Renamed"})
    assert "protected" in project.pulumi("preview", fails=True)

    project.configure({**kept, "protect": False})
    project.up()
    project.configure(free)
    project.up()
    assert set(project.machines()) == {"Free"}


def test_a_renamed_flow(project: Project) -> None:
    def entry(flow: str, **more: str) -> dict[str, object]:
        return {"flow": f"{flow.lower()}.py", "step_functions": {"log_history": True}, **more}

    project.write("old.py", flow_source("Old", header="@schedule(daily=True)"))
    project.configure(entry("Old"))
    project.up()
    groups = project.cloud.client("logs").describe_log_groups
    before = {group["logGroupName"] for group in groups()["logGroups"]}
    project.write("new.py", flow_source("New", header="@schedule(daily=True)"))

    # its earlier name keeps all of it
    project.configure(entry("New", name="Old", renamed_from="Old"))
    assert project.preview()[f"{project.name}_Old-state-machine"]["op"] == "update"

    project.configure(entry("New", renamed_from="Old"))
    steps = {name: step["op"] for name, step in project.preview().items()}
    assert steps[f"{project.name}_New"] == "update"
    assert steps[f"{project.name}_New-state-machine"] == "replace"
    assert steps[f"{project.name}_New-history"] == "update"
    said = project.pulumi("preview")
    assert f"{project.name}_New was the state machine {project.name}_Old, and AWS renames none" in said
    project.up()
    assert set(project.machines()) == {"New"}
    assert len(project.schedules()) == 1
    assert {group["logGroupName"] for group in groups()["logGroups"]} == before
    # done, and no longer needed
    project.configure(entry("New"))
    assert project.preview() == {}


def test_an_older_commit(project: Project) -> None:
    def committed(body: str) -> str:
        project.write("kept.py", flow_source("Kept", body=body))
        git(project.folder, "add", "kept.py")
        git(project.folder, "commit", "-qm", body)
        return git(project.folder, "rev-parse", "HEAD")

    git(project.folder, "init", "-q", "-b", "main")
    project.configure({"flow": "kept.py"})
    old = committed("print(1)")
    project.up()
    new = committed("print(2)")
    project.up()

    git(project.folder, "checkout", "-q", old)
    refused = project.pulumi("preview", fails=True)
    assert f"{project.name}_Kept: commit {new[:12]} is deployed, which is newer than {old[:12]}" in refused
    assert "Traceback" not in refused
    # a preview and a deploy that ask for it
    project.variables["FLOWINFRA_ALLOW_OLDER"] = "1"
    project.up()
    del project.variables["FLOWINFRA_ALLOW_OLDER"]
    assert project.preview() == {}

    # and forward again; a clone that lacks what is deployed says that it does not know
    git(project.folder, "checkout", "-q", new)
    assert project.preview() != {}
    project.variables["FLOWINFRA_COMMIT"] = "f" * 40
    assert "whether ffffffffffff is newer is not known: this clone lacks one of them" in project.pulumi("preview")


def test_running_executions_are_waited_for(project: Project) -> None:
    project.write("busy.py", flow_source("Busy", header="@schedule(daily=True)", body="import time; time.sleep(600)"))
    project.write("other.py", flow_source("Other"))
    busy = {"flow": "busy.py", "step_functions": {"drain": 300}}
    project.configure(busy, {"flow": "other.py"})
    project.up()
    assert project.preview() == {}
    # what runs no program cannot wait
    assert "--run-program" in project.pulumi("destroy", "--yes", "--skip-preview", fails=True)

    states = project.cloud.client("stepfunctions")
    machine = project.machines()["Busy"]["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input='{"Parameters": "{}"}')["executionArn"]
    project.configure({"flow": "other.py"})
    deploy = project.start("up", "--yes", "--skip-preview")
    said: list[str] = []
    try:
        assert deploy.stdout is not None
        for line in deploy.stdout:
            said.append(line)
            if "waits up to 300 s for 1 running executions" in line:
                break
        # it is there still, and nothing starts it any more
        assert states.describe_state_machine(stateMachineArn=machine)["status"] == "ACTIVE"
        assert project.schedules() == []
    finally:
        states.stop_execution(executionArn=execution)
        rest, _ = deploy.communicate(timeout=120)
    assert deploy.returncode == 0, "".join(said) + rest
    assert set(project.machines()) == {"Other"}
