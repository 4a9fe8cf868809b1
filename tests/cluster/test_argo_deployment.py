"""Deploying flows to Argo with the real engine: what changes, what does not, what is mended, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.local.identity import REGION
from tests.cluster.kinds import results
from tests.cluster.rig.cluster import Cluster
from tests.cluster.support import ARGO, BUCKET, SOURCE, ArgoStack
from tests.e2e.support import Done, unique
from tests.engine.project import flow_source

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DAILY = "@schedule(daily=True)"
TRIGGER = "from metaflow import trigger\n@trigger(event='data_ready')"
DAILY_FLOW = Path(__file__).parents[1] / "e2e" / "flows" / "daily" / "daily_flow.py"
UNREACHABLE = "https://127.0.0.1:1"


@pytest.fixture(scope="module")
def stack(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoStack]:
    """A stack with one flow, whose file the tests change."""
    namespace = cluster.namespace("deploy")
    stack = ArgoStack(cluster, tmp_path_factory.mktemp("argo") / "project", namespace)
    write(stack, flow_source("AFlow"))
    stack.project.up()
    yield stack
    stack.project.pulumi("destroy", "--yes", "--skip-preview")
    left = [stack.live(kind) for kind in ("workflowtemplates", "cronworkflows", "sensors")]
    assert left == [{}, {}, {}]
    assert [item["metadata"]["name"] for item in own_roles(stack)] == []


def write(stack: ArgoStack, source: str, events: bool = False, **flow: Any) -> None:
    """The flow's file, and a stack with it."""
    stack.project.write("flows/a_flow.py", source)
    stack.configure({"flow": "flows/a_flow.py", **flow}, events={} if events else None)


def own_roles(stack: ArgoStack) -> list[dict[str, Any]]:
    """Roles that the stack made."""
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{stack.namespace}/roles"
    return stack.cluster.api.items(path, labelSelector=f"flowinfra/project={stack.project.name}")


def template(stack: ArgoStack) -> dict[str, Any]:
    """The flow's WorkflowTemplate as the apiserver has it."""
    found: dict[str, Any] = stack.live("workflowtemplates")["aflow"]
    return found


def steps(stack: ArgoStack) -> set[str]:
    """Steps of the template."""
    annotation = "metaflow/step_name"
    found = (entry.get("metadata", {}).get("annotations", {}) for entry in template(stack)["spec"]["templates"])
    return {entry[annotation] for entry in found if annotation in entry}


def test_a_second_preview_is_empty_although_the_apiserver_adds_to_objects(stack: ArgoStack) -> None:
    write(stack, flow_source("AFlow", header=DAILY), schedule={"enabled": False})
    stack.project.up()
    assert stack.project.preview() == {}
    stack.project.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.project.preview() == {}


def test_steps_schedule_and_trigger_come_and_go(cluster: Cluster, stack: ArgoStack) -> None:
    write(stack, flow_source("AFlow"))
    stack.project.up()
    uid = template(stack)["metadata"]["uid"]

    write(stack, flow_source("AFlow", "train", header=DAILY), schedule={"enabled": False})
    changed = stack.project.preview()
    assert {name: step["op"] for name, step in changed.items() if "package" not in name and "version" not in name} == {
        "aflow": "update",
        "aflow-workflow-template": "update",
        "aflow-cron-workflow": "create",
    }
    assert "train" in changed["aflow"]["newState"]["inputs"]["steps"]
    stack.project.up()
    assert steps(stack) == {"start", "train", "end"}
    assert stack.live("cronworkflows")["aflow"]["spec"]["suspend"] is True
    # a running workflow's template is updated in place, never taken away
    assert template(stack)["metadata"]["uid"] == uid

    cluster.event_bus(stack.namespace)
    cluster.api.create(SOURCE, stack.namespace)
    write(stack, flow_source("AFlow", header=TRIGGER), events=True)
    stack.project.up()
    assert steps(stack) == {"start", "end"}
    assert (list(stack.live("cronworkflows")), list(stack.live("sensors"))) == ([], ["aflow"])
    assert len(own_roles(stack)) == 2

    write(stack, flow_source("AFlow"), events=True)
    stack.project.up()
    assert (stack.live("cronworkflows"), stack.live("sensors")) == ({}, {})
    assert len(own_roles(stack)) == 1


def test_drift_is_seen_by_refresh_and_mended_by_up(cluster: Cluster, stack: ArgoStack) -> None:
    write(stack, flow_source("AFlow", header=DAILY), schedule={"enabled": False})
    stack.project.up()
    path = f"{ARGO}/namespaces/{stack.namespace}"
    cluster.api.patch(f"{path}/workflowtemplates/aflow", {"spec": {"parallelism": 7}})
    cluster.api.delete(f"{path}/cronworkflows/aflow")
    stack.project.pulumi("refresh", "--yes", "--skip-preview")
    changed = {name: step["op"] for name, step in stack.project.preview().items()}
    assert changed == {"aflow-workflow-template": "update", "aflow-cron-workflow": "create"}
    stack.project.up()
    assert template(stack)["spec"]["parallelism"] == 100
    assert "aflow" in stack.live("cronworkflows")
    assert stack.project.preview() == {}


def test_the_clock_starts_a_flow(cluster: Cluster, stack: ArgoStack) -> None:
    labels = {"acme.com/team": "risk"}
    write(stack, flow_source("AFlow", header=DAILY), schedule={"cron": "@every 2s"}, argo={"labels": labels})
    stack.project.up()
    label = {"workflows.argoproj.io/cron-workflow": "aflow"}
    started = cluster.wait_for(lambda: cluster.workflows(stack.namespace, **label), "a run of the schedule")
    write(stack, flow_source("AFlow", header=DAILY), schedule={"enabled": False})
    stack.project.up()
    assert started[0]["spec"]["workflowTemplateRef"] == {"name": "aflow"}
    wanted = {**labels, "flowinfra/project": stack.project.name, "flowinfra/stack": "test", "flowinfra/flow": "aflow"}
    assert wanted.items() <= started[0]["metadata"]["labels"].items()
    for workflow in cluster.workflows(stack.namespace):
        cluster.api.delete(f"{ARGO}/namespaces/{stack.namespace}/workflows/{workflow['metadata']['name']}")


def test_what_the_cluster_lacks_is_told_at_preview(cluster: Cluster, stack: ArgoStack) -> None:
    project = stack.project
    namespace = stack.namespace
    try:
        write(stack, flow_source("AFlow"))
        stack.configure({"flow": "flows/a_flow.py"}, service_account="nobody")
        assert f"namespace '{namespace}' has no service account 'nobody'" in project.pulumi("preview", fails=True)
        stack.namespace = "not-there"
        stack.configure({"flow": "flows/a_flow.py"})
        assert "the cluster has no namespace 'not-there'" in project.pulumi("preview", fails=True)
        stack.namespace = cluster.namespace("others")
        write(stack, flow_source("AFlow", header=TRIGGER), events=True)
        printed = project.pulumi("preview", fails=True)
        assert f"namespace '{stack.namespace}' has no EventBus 'default'" in printed
        foreign = {**template_of(stack, "aflow"), "metadata": {"name": "aflow"}}
        cluster.api.create(foreign, stack.namespace)
        write(stack, flow_source("AFlow"))
        assert "already has a WorkflowTemplate 'aflow'" in project.pulumi("preview", fails=True)
        write(stack, flow_source("AFlow"))
        project.write("flows/b_flow.py", flow_source("AFlow"))
        stack.configure({"flow": "flows/a_flow.py"}, {"flow": "flows/b_flow.py"})
        assert "are both the WorkflowTemplate 'aflow' in namespace" in project.pulumi("preview", fails=True)
    finally:
        stack.namespace = namespace
        write(stack, flow_source("AFlow"))


KINDS = (
    ("argoproj.io/v1alpha1", "WorkflowTemplate"),
    ("argoproj.io/v1alpha1", "CronWorkflow"),
    ("argoproj.io/v1alpha1", "Sensor"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
)


def test_objects_of_somebody_else_are_not_taken_over(cluster: Cluster, tmp_path: Path) -> None:
    """Neither those made by hand nor another stack's: at preview, and right before they are made."""
    namespace = cluster.namespace("taken")
    cluster.event_bus(namespace)
    cluster.api.create(SOURCE, namespace)
    first, second = (ArgoStack(cluster, tmp_path / name, namespace) for name in ("first", "second"))
    source = flow_source("AFlow", header=f"{TRIGGER}\n{DAILY}")
    for stack in (first, second):
        write(stack, source, events=True, schedule={"enabled": False})
    first.project.up()
    second.project.pulumi("stack", "init", "--stack", "test")
    told = f"deployed by the stack {first.project.name}/test: it is not taken over"
    assert told in second.project.pulumi("preview", fails=True)

    theirs = [bare(each) for kind in KINDS for each in made(first, *kind)]
    assert [each["kind"] for each in theirs].count("RoleBinding") == 2
    first.project.pulumi("destroy", "--yes", "--skip-preview")
    for each in theirs:
        cluster.api.create(each, namespace)
    for refused in (("WorkflowTemplate",), ("CronWorkflow", "Sensor"), ("ServiceAccount", "Role", "RoleBinding")):
        for command in (["preview"], ["up", "--yes", "--skip-preview"]):
            printed = " ".join(first.project.pulumi(*command, fails=True).split())
            assert "Traceback" not in printed
            # the engine ends with the first one that is refused, and those beside it
            names = [(each["kind"], each["metadata"]["name"]) for each in theirs if each["kind"] in refused]
            assert any(
                f"has a {kind} '{name}'" in printed or f"{kind} {namespace}/{name} is there already" in printed
                for kind, name in names
            ), printed
        for each in [each for each in theirs if each["kind"] in refused]:
            assert cluster.api.get(cluster.api.path(each))["metadata"].get("labels") is None
            cluster.api.delete(cluster.api.path(each))
    first.project.up()
    assert first.project.preview() == {}
    first.project.pulumi("destroy", "--yes", "--skip-preview")


def made(stack: ArgoStack, version: str, kind: str) -> list[dict[str, Any]]:
    """Objects of a kind that a stack made."""
    manifest = {"apiVersion": version, "kind": kind}
    path = stack.cluster.api.path(manifest, stack.namespace, collection=True)
    found = stack.cluster.api.items(path, labelSelector=f"flowinfra/project={stack.project.name}")
    return [{**each, **manifest} for each in found]


def bare(found: dict[str, Any]) -> dict[str, Any]:
    """An object as somebody makes it by hand: with nobody's marks."""
    metadata = {key: found["metadata"][key] for key in ("name", "namespace")}
    kept = ("apiVersion", "kind", "spec", "rules", "roleRef", "subjects")
    return {**{key: found[key] for key in kept if key in found}, "metadata": metadata}


def template_of(stack: ArgoStack, name: str) -> dict[str, Any]:
    """A WorkflowTemplate that somebody else made."""
    templates = [{"name": "main", "container": {"image": "any", "command": ["true"]}}]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": name},
        "spec": {"entrypoint": "main", "templates": templates},
    }


def test_a_person_starts_runs_and_sees_what_became_of_them(cluster: Cluster, stack: ArgoStack, tmp_path: Path) -> None:
    shutil.copy(DAILY_FLOW, stack.project.folder / "flows")
    stack.configure({"flow": "flows/daily_flow.py", "parameters": {"alpha": 0.02}})
    stack.project.up()

    def flowinfra(*words: str) -> Done:
        return cluster.run(["flowinfra", *words, "-s", "test"], stack.project.folder)

    refused = flowinfra("run", "DailyFlow", "--alhpa", "1").failed()
    assert "did you mean --alpha?" in refused
    assert stack.live("workflows") == {}

    done = flowinfra("run", "DailyFlow", "--day=tue", "--tree", '{"a": [1]}').succeeded()
    run_id, *lines = done.stdout.splitlines()
    assert lines[-1] == f"{run_id} SUCCEEDED"
    assert any(line.startswith("work: succeeded, 2/2 tasks") for line in lines), done.output
    assert results(stack, "DailyFlow", run_id, "day alpha tree", tmp_path) == ["tue", 0.02, {"a": [1]}]

    failed = flowinfra("run", "DailyFlow", "--json", "--day", "wed", "--fails", "true")
    assert failed.code == 3, failed.output
    run = json.loads(failed.stdout)
    assert (run["status"], run["failed_step"], run["exit_code"]) == ("FAILED", "work", 1)
    assert run["reason"] == "Error (exit code 1): ValueError: told to fail"
    logs = cluster.run(run["logs"].split(), stack.project.folder).succeeded()
    assert "told to fail" in logs.output
    assert run["resume"] == f"python flows/daily_flow.py resume --origin-run-id {run['run_id']}"
    listed = json.loads(flowinfra("runs", "DailyFlow", "--json").succeeded().stdout)
    assert [(each["run_id"], each["failed_step"]) for each in listed] == [(run["run_id"], "work"), (run_id, None)]
    for workflow in stack.live("workflows"):
        cluster.api.delete(f"{ARGO}/namespaces/{stack.namespace}/workflows/{workflow}")
    assert "has no run (a run is known as long as the cluster has its workflow" in flowinfra("runs", "DailyFlow").output


def test_the_example_program(cluster: Cluster, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__", ".metaflow"))
    folder = tmp_path / "examples" / "programs" / "argo"

    def pulumi(*words: str) -> None:
        cluster.run(["pulumi", *words, "--non-interactive"], folder).succeeded()

    pulumi("stack", "init", unique("example"))
    for setting in (("bucket", BUCKET), ("aws:region", REGION)):
        pulumi("config", "set", *setting)
    pulumi("up", "--yes", "--skip-preview")
    try:
        pulumi("preview", "--expect-no-changes")
    finally:
        pulumi("destroy", "--yes", "--skip-preview")


def test_a_cluster_that_cannot_be_reached(stack: ArgoStack, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "gone",
                "clusters": [{"name": "gone", "cluster": {"server": UNREACHABLE}}],
                "users": [{"name": "gone", "user": {"token": "t"}}],
                "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "gone"}}],
            }
        )
    )
    write(stack, flow_source("AFlow"))
    stack.project.up()
    try:
        for kubeconfig, told in (
            (config, "cannot be reached"),
            (tmp_path / "nothing", "the Kubernetes cluster is not known"),
        ):
            stack.project.variables["KUBECONFIG"] = str(kubeconfig)
            printed = stack.project.pulumi("up", "--yes", "--skip-preview", fails=True)
            assert told in printed
            assert "Traceback" not in printed
    finally:
        del stack.project.variables["KUBECONFIG"]
