"""The life of a configuration-driven stack: the real engine, the root project's program, the embedded AWS."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowinfra.components.names import VERSION_RECORD
from flowinfra.targets.step_functions.states import submitting_states
from tests.engine.project import ROOT, Project, flow_source

pytestmark = pytest.mark.engine


def named(project: Project, machine: str) -> set[str]:
    """Names of the job definitions in the deployed definition."""
    return {state["Parameters"]["JobDefinition"] for state in submitting_states(definition_of(project, machine))}


def definition_of(project: Project, machine: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.machines()[machine]["definition"])
    return found


def unique(project: Project, name: str) -> str:
    """A flow's name of this test's own: the tests of a worker share a datastore."""
    return f"{name}{project.name}"


def test_a_second_preview_is_empty_also_for_somebody_else_elsewhere(project: Project, tmp_path: Path) -> None:
    name = unique(project, "Same")
    project.write("flows/a/flow.py", flow_source(name, "train", header="@schedule(daily=True)"))
    project.write(
        "flows/b/flow.py", "from metaflow import project\n" + flow_source("Shop", header="@project(name='p')")
    )
    project.configure({"flow": "flows/a/flow.py"}, {"flow": "flows/b/flow.py", "branch": "x"})
    project.up()
    assert set(project.machines()) == {name, "p.test.x.Shop"}
    project.pulumi("preview", "--expect-no-changes")
    other = project.clone(tmp_path / "elsewhere" / "project")
    other.pulumi("preview", "--expect-no-changes")
    # another compressor gives other bytes for the same content
    for blob in (other.cache / "blobs").iterdir():
        if (stored := blob.read_bytes()).startswith(b"\x1f\x8b"):
            blob.write_bytes(gzip.compress(gzip.decompress(stored), compresslevel=9))
    shutil.rmtree(other.variables["TMPDIR"])
    Path(other.variables["TMPDIR"]).mkdir()
    other.pulumi("preview", "--expect-no-changes")
    other.pulumi("preview", "--expect-no-changes", "--refresh")
    other.up()
    assert {f"{job}:1" for job in named(project, name)} < project.job_definitions()


def test_a_change_reads_in_the_flows_own_words(project: Project) -> None:
    name = unique(project, "Words")
    project.write("flow.py", flow_source(name, "train"))
    project.configure({"flow": "flow.py", "steps": {"train": {"memory": 8192}}})
    project.up()
    project.configure({"flow": "flow.py", "steps": {"train": {"memory": 16384}}, "schedule": {"cron": "0 3 * * ? *"}})
    component = project.preview()[f"{project.name}_{name}"]
    old, new = component["oldState"]["inputs"], component["newState"]["inputs"]
    assert (old["steps"]["train"]["memory"], new["steps"]["train"]["memory"]) == (8192, 16384)
    assert new["schedule"] == {"cron": "0 3 * * ? *", "enabled": True}
    # who brought the version is kept anew with each version
    changed = {step["op"] for name, step in project.preview().items() if not name.endswith(VERSION_RECORD)}
    assert changed == {"update", "create"}
    text = project.pulumi("preview", "--diff")
    assert "memory: 8192 => 16384" in text


def test_a_role_that_cannot_start_a_flow_is_refused_at_preview(project: Project) -> None:
    document = '{"Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*"}}'
    iam = project.cloud.client("iam")
    role = iam.create_role(RoleName=project.name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    platform = yaml.safe_load((ROOT / "stacks" / "Pulumi.local.yaml").read_text())["config"]["flowinfra:platform"]
    heard = flow_source(unique(project, "A"), header="@trigger(event='a')")
    project.write("a.py", f"from metaflow import trigger\n{heard}")
    project.write("b.py", flow_source(unique(project, "B"), header="@schedule(daily=True)"))
    project.configure({"flow": "a.py"}, platform={**platform, "events_role": role})
    project.make()
    project.pulumi("preview")
    project.configure({"flow": "a.py"}, {"flow": "b.py"}, platform={**platform, "events_role": role})
    printed = project.pulumi("preview", fails=True)
    assert f"the platform's events_role {role} cannot start it" in printed
    assert "does not let scheduler.amazonaws.com take it on" in printed
    iam.delete_role(RoleName=project.name)


def test_deploys_keep_what_an_execution_may_still_need_and_gc_collects_it(project: Project, tmp_path: Path) -> None:
    name = unique(project, "Keep")
    project.write("flow.py", flow_source(name, "prepare", "train", header="@schedule(daily=True)"))
    project.configure({"flow": "flow.py"})
    project.up()
    [first] = project.job_definitions()
    assert {f"{job}:1" for job in named(project, name)} == {first}
    assert len(project.schedules()) == 1
    first_package = set(project.objects(name))

    # another image: another job definition, the old one stays; and no schedule
    project.write("flow.py", flow_source(name, "train"))
    project.configure({"flow": "flow.py", "image": "python:3.12"})
    project.up()
    [second] = project.job_definitions() - {first}
    assert first in project.job_definitions()
    assert {f"{job}:1" for job in named(project, name)} == {second}
    assert project.schedules() == []
    assert first_package < set(project.objects(name))
    project.pulumi("preview", "--expect-no-changes")

    shown = project.flowinfra("gc", "test", "--json")
    assert [item["kind"] for item in shown["remove"]] == ["job-definition"]
    assert [item["kind"] for item in shown["rollback"]] == ["package"]
    shown = project.flowinfra("gc", "test", "--json", "--deployments", "1")
    kinds = ["compiled-flow", "deployment", "job-definition", "package"]
    assert sorted(item["kind"] for item in shown["remove"]) == kinds
    project.flowinfra("gc", "test", "--json", "--yes", "--deployments", "1")
    assert project.job_definitions() == {second}
    assert first_package.isdisjoint(project.objects(name))
    project.pulumi("preview", "--refresh", "--expect-no-changes")

    # another project with the same flow: the same bytes, in a bucket of its own
    twin = project.clone(tmp_path / "twin")
    twin.name = f"twin-{project.name}"
    settings = yaml.safe_load((twin.folder / "Pulumi.yaml").read_text())
    (twin.folder / "Pulumi.yaml").write_text(yaml.safe_dump({**settings, "name": twin.name}))
    (twin.folder / ".made").unlink()
    bucket = f"{twin.name}-bucket".lower().replace("_", "-")
    project.cloud.client("s3").create_bucket(Bucket=bucket)
    platform = yaml.safe_load((ROOT / "stacks" / "Pulumi.local.yaml").read_text())["config"]["flowinfra:platform"]
    twin.configure({"flow": "flow.py", "image": "python:3.12"}, platform={**platform, "bucket": bucket})
    twin.up()
    s3 = project.cloud.client("s3")
    there = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert there & set(project.objects(name)), "the digests are equal"

    project.pulumi("destroy", "--yes", "--skip-preview")
    assert (project.machines(), project.roles(), project.schedules()) == ({}, [], [])
    assert project.job_definitions() == {second}
    removed = project.flowinfra("gc", "test", "--json", "--yes")
    assert len(removed["removed"]) == 4
    assert project.job_definitions() == set()
    assert project.objects(name) == []
    assert {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]} == there


def test_a_running_execution_keeps_its_job_definitions_from_gc(project: Project) -> None:
    name = unique(project, "Busy")
    project.write("flow.py", flow_source(name, body="import time; time.sleep(600)"))
    project.configure({"flow": "flow.py"})
    project.up()
    states = project.cloud.client("stepfunctions")
    machine = project.machines()[name]["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input='{"Parameters": "{}"}')["executionArn"]
    try:
        project.configure({"flow": "flow.py", "image": "python:3.12"})
        project.up()
        assert project.flowinfra("gc", "test", "--json", "--with-packages")["remove"] == []
    finally:
        states.stop_execution(executionArn=execution)
    names = {item["name"].rsplit(":", 1)[1] for item in project.flowinfra("gc", "test", "--json")["remove"]}
    assert names == {"1"}


def test_an_up_that_is_killed_converges_when_it_runs_again(project: Project) -> None:
    name = unique(project, "Killed")
    project.write("flow.py", flow_source(name, "train"))
    project.configure({"flow": "flow.py"})
    project.pulumi("stack", "init", "--stack", "test")
    (project.folder / ".made").touch()
    running = project.start("up", "--yes", "--skip-preview")
    assert running.stdout is not None
    for line in running.stdout:
        if "JobDefinition" in line and "created" in line:
            break
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    project.pulumi("cancel", "--yes")
    project.up()
    assert set(project.machines()) == {name}
    project.pulumi("preview", "--expect-no-changes")


def test_a_value_that_is_evaluated_at_deploy_time_is_no_change_until_the_flow_changes(project: Project) -> None:
    name = unique(project, "Clock")
    source = flow_source(name).replace(
        "    @step\n    def start",
        "    seen = Parameter('seen', default=lambda context: context.user_name)\n    @step\n    def start",
    )
    project.write("flow.py", source)
    project.configure({"flow": "flow.py"})

    def seen() -> Any:
        start = json.loads(project.machines()[name]["definition"])["States"]["start"]
        variables = start["Parameters"]["ContainerOverrides"]["Environment"]
        (text,) = [item["Value"] for item in variables if item["Name"] == "METAFLOW_DEFAULT_PARAMETERS"]
        return json.loads(text)["seen"]

    project.variables = {"FLOWINFRA_USER": "ann"}
    project.up()
    assert seen() == "ann"
    project.variables = {"FLOWINFRA_USER": "bob"}
    project.pulumi("preview", "--expect-no-changes")
    project.up()
    assert seen() == "ann"
    project.write("flow.py", source.replace("pass", "print('changed')"))
    project.up()
    assert seen() == "bob"


def test_every_problem_is_told_at_once_without_a_traceback_and_nothing_is_touched(project: Project) -> None:
    project.write("good.py", flow_source(unique(project, "Good")))
    project.write("twin.py", flow_source(unique(project, "Good")))
    project.write("broken.py", "import does_not_exist\n")
    project.configure({"flow": "good.py"}, {"flow": "broken.py"}, {"flow": "missing.py"})
    project.pulumi("stack", "init", "--stack", "test")
    (project.folder / ".made").touch()
    printed = project.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "2 problems in this stack" in printed
    assert "does_not_exist" in printed
    assert "missing.py" in printed
    assert "Traceback" not in printed
    project.configure({"flow": "good.py"}, {"flow": "twin.py"}, {"flow": "good.py", "target": "step-function"})
    printed = project.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "flowinfra:flows[2].target: found 'step-function', allowed: 'step-functions'" in printed
    project.configure({"flow": "good.py"}, {"flow": "twin.py"})
    printed = project.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "good.py and twin.py are both the state machine" in printed
    project.configure({"flow": "good.py"}, platform={"bucket": "My $(id)", "queue": "a b"})
    printed = project.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "bucket is 'My $(id)'" in printed
    assert "queue is 'a b'" in printed
    assert "Traceback" not in printed
    assert (project.machines(), project.roles(), project.job_definitions()) == ({}, [], set())


def test_what_ci_declares_wrongly_is_told_without_a_traceback(project: Project) -> None:
    project.write("flow.py", flow_source(unique(project, "Declared")))
    project.configure({"flow": "flow.py"})
    project.pulumi("stack", "init", "--stack", "test")
    (project.folder / ".made").touch()
    project.variables["FLOWINFRA_COMMIT"] = "main; rm -rf /"
    printed = project.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "FLOWINFRA_COMMIT is 'main; rm -rf /'" in printed
    assert "Traceback" not in printed
    assert (project.machines(), project.roles(), project.job_definitions()) == ({}, [], set())


def test_a_secret_in_the_configuration_is_refused(project: Project) -> None:
    project.write("flow.py", flow_source(unique(project, "Secret")))
    project.configure({"flow": "flow.py"})
    project.pulumi("stack", "init", "--stack", "test")
    (project.folder / ".made").touch()
    project.pulumi("config", "set", "--secret", "--path", "flowinfra:flows[0].configs.key", "hunter2")
    printed = project.pulumi("preview", fails=True)
    assert re.search(r"stacks/Pulumi\.test\.yaml:[0-9]+: flowinfra:flows\[0\]\.configs\.key: is a secret", printed)
    assert "hunter2" not in printed


def test_a_platform_of_the_stacks_own(project: Project) -> None:
    name = unique(project, "Own")
    project.write("flow.py", flow_source(name))
    project.configure({"flow": "flow.py"}, platform={"create": {}})
    project.up()
    definition = project.machines()[name]["definition"]
    assert "s3://metaflow-datastore-" in definition
    project.pulumi("preview", "--expect-no-changes")
    bucket = definition.split("s3://", 1)[1].split("/", 1)[0]
    s3 = project.cloud.client("s3")
    project.flowinfra("gc", "test", "--json")
    for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=entry["Key"])
