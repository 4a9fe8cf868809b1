"""Flows that Pulumi deployed run to their end on Argo, and Metaflow's own tools work with them."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.rig.api import Object
from tests.cluster.rig.cluster import Cluster
from tests.cluster.support import SOURCE, ArgoStack, python, workflow_name
from tests.e2e.support import Done

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "flows"
FLOWS = Path(__file__).parent / "flows"
EVENTS, RISKY = FLOWS / "events", FLOWS / "risky" / "risky_flow.py"
PARAMETERS = EXAMPLES / "parameters" / "parameter_flow.py"


@pytest.fixture(scope="module")
def stack(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoStack]:
    """All flows of this module, deployed once: the examples, and those that events start."""
    namespace = cluster.namespace("runs")
    cluster.event_bus(namespace)
    cluster.api.create(SOURCE, namespace)
    source = cluster.ready_pod(namespace, {"eventsource-name": SOURCE["metadata"]["name"]})
    stack = ArgoStack(cluster, tmp_path_factory.mktemp("argo") / "project", namespace)
    stack.configure(
        {"flow": str(PARAMETERS), "schedule": {"enabled": False}},
        {"flow": str(EXAMPLES / "branches" / "branch_flow.py")},
        {"flow": str(EXAMPLES / "project" / "project_flow.py"), "branch": "dev"},
        {"flow": str(EVENTS / "event_flow.py")},
        {"flow": str(EVENTS / "after_flow.py")},
        # no reader of its events, which the test would wait for
        {"flow": str(RISKY), "emit_events": False},
        events={"webhook_url": f"http://{source['status']['podIP']}:12000/metaflow-event"},
    )
    stack.project.up()
    yield stack
    stack.project.pulumi("destroy", "--yes", "--skip-preview")
    assert [stack.live(kind) for kind in ("workflowtemplates", "cronworkflows", "sensors")] == [{}, {}, {}]


@pytest.fixture(scope="module")
def risky(cluster: Cluster, stack: ArgoStack) -> Object:
    """A run of RiskyFlow, to its end."""
    started = stack.metaflow("riskyflow", RISKY, "argo-workflows", "trigger")
    return cluster.ended(stack.namespace, workflow_name(started))


def results(stack: ArgoStack, flow: str, run: str, names: str, folder: Path) -> Any:
    """Artifacts of a run's last task, once it is pulled, by the Client API."""
    template = flow.lower()
    variables = stack.variables(template)
    stack.cluster.run(["flowinfra", "pull", f"{flow}/{run}"], folder, **variables).succeeded()
    code = f"""
import json
from metaflow import Run, namespace
namespace({stack.outputs()[template]["namespace"]!r})
run = Run("{flow}/{run}")
assert run.successful
print(json.dumps([getattr(run.data, name) for name in {names!r}.split()]))
"""
    return python(code, variables, folder)


def test_every_manifest_is_fit_for_argo(cluster: Cluster, stack: ArgoStack, tmp_path: Path) -> None:
    for kind in ("workflowtemplates", "cronworkflows"):
        for name, manifest in stack.live(kind).items():
            (tmp_path / f"{kind}-{name}.json").write_text(json.dumps(manifest))
    cluster.run(["argo", "lint", "--offline", str(tmp_path)], tmp_path).succeeded()
    # argo-events' own validation, which its controller tells
    for name in stack.live("sensors"):
        conditions = cluster.wait_for(partial(_conditions, stack, name), "the sensor's conditions")
        assert conditions["DependenciesProvided"] == conditions["TriggersProvided"] == "True"


def _conditions(stack: ArgoStack, sensor: str) -> dict[str, str]:
    status = stack.live("sensors")[sensor].get("status", {})
    return {each["type"]: each["status"] for each in status.get("conditions", ())}


def test_a_second_preview_is_empty(stack: ArgoStack) -> None:
    assert stack.project.preview() == {}


def test_metaflows_own_trigger_and_the_client_api(cluster: Cluster, stack: ArgoStack, tmp_path: Path) -> None:
    started = stack.metaflow("parameterflow", PARAMETERS, "argo-workflows", "trigger", "--note", "it's $(id)")
    name = workflow_name(started)
    status = stack.metaflow("parameterflow", PARAMETERS, "argo-workflows", "status", f"argo-{name}")
    assert "Running" in status.succeeded().output or "Pending" in status.output
    cluster.ended(stack.namespace, name)
    assert results(stack, "ParameterFlow", f"argo-{name}", "note", tmp_path) == ["it's $(id)"]


def test_a_failing_step_retries_and_is_caught(stack: ArgoStack, risky: Object, tmp_path: Path) -> None:
    attempts = [node for node in risky["status"]["nodes"].values() if node["displayName"].startswith("start(")]
    assert len(attempts) >= 2
    run = f"argo-{risky['metadata']['name']}"
    (told,) = results(stack, "RiskyFlow", run, "told", tmp_path)
    assert "attempt 1" in told


def test_resume_on_the_laptop_and_on_kubernetes(stack: ArgoStack, risky: Object, tmp_path: Path) -> None:
    origin = f"argo-{risky['metadata']['name']}"
    for option in ([], ["--with", "kubernetes"]):
        file = tmp_path / "run"
        words = [*option, "resume", "end", "--origin-run-id", origin, "--run-id-file", str(file)]
        done = stack.metaflow("riskyflow", RISKY, *words, METAFLOW_DATASTORE_LOCAL_DIR=str(tmp_path))
        done.succeeded()
        assert file.read_text()


def test_an_event_starts_a_flow_whose_end_starts_another(cluster: Cluster, stack: ArgoStack, tmp_path: Path) -> None:
    for name in ("eventflow", "afterflow"):
        cluster.ready_pod(stack.namespace, {"sensor-name": name})

    def started(template: str) -> list[Object]:
        found = cluster.workflows(stack.namespace)
        return [each for each in found if each["spec"]["workflowTemplateRef"]["name"] == template]

    def published() -> list[Object]:
        code = 'from metaflow.integrations import ArgoEvent; ArgoEvent("data_ready").publish({"day": "monday"})'
        with contextlib.suppress(AssertionError, subprocess.SubprocessError):
            cluster.run(["python", "-c", code], tmp_path, **stack.variables("eventflow")).succeeded()
        return started("eventflow")

    first = cluster.wait_for(published, "a workflow that the event starts")[0]["metadata"]["name"]
    cluster.ended(stack.namespace, first)
    second = cluster.wait_for(lambda: started("afterflow"), "a workflow that the first one starts")[0]["metadata"][
        "name"
    ]
    cluster.ended(stack.namespace, second)
    assert results(stack, "EventFlow", f"argo-{first}", "day", tmp_path) == ["monday"]
    (ended,) = results(stack, "AfterFlow", f"argo-{second}", "event", tmp_path)
    assert ended.startswith(f"EventFlow/argo-{first}/end/")


def test_deployed_flows_are_found(stack: ArgoStack, tmp_path: Path) -> None:
    code = """
import json
from metaflow import DeployedFlow
found = DeployedFlow.from_deployment("parameterflow")
print(json.dumps([found.flow_name, found.production_token]))
"""
    variables = stack.variables("parameterflow")
    flow_name, token = python(code, variables, tmp_path)
    assert flow_name == "ParameterFlow"
    assert stack.outputs()["parameterflow"]["namespace"] == f"production:{token}"
    listed = stack.metaflow("parameterflow", PARAMETERS, "argo-workflows", "list-workflow-templates").succeeded()
    assert "parameterflow" in listed.output


def test_a_colleague_is_refused(stack: ArgoStack) -> None:
    done: Done = stack.metaflow("parameterflow", PARAMETERS, "argo-workflows", "create", METAFLOW_USER="colleague")
    assert done.code != 0
    assert "production token" in done.output


def test_metaflows_own_delete_and_pulumi_brings_it_back(stack: ArgoStack) -> None:
    token = stack.outputs()["eventflow"]["namespace"].removeprefix("production:")
    words = ("argo-workflows", "delete", "--authorize", token)
    stack.metaflow("eventflow", EVENTS / "event_flow.py", *words).succeeded()
    assert [name for kind in ("workflowtemplates", "sensors") for name in stack.live(kind) if name == "eventflow"] == []
    stack.project.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert [name for kind in ("workflowtemplates", "sensors") for name in stack.live(kind) if name == "eventflow"] == [
        "eventflow",
        "eventflow",
    ]
