"""Flows that Pulumi deployed run to their end on Argo, and Metaflow's own tools work with them."""

from __future__ import annotations

import json
import shutil
import sysconfig
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowinfra.compiler import CompileRequest, compile_flow, write_bundle
from flowinfra.compiler.lock import lock_flow
from flowinfra.targets.argo.options import ArgoOptions
from tests.cluster import kinds
from tests.cluster.kinds import EVENTS, FLOWS, results
from tests.cluster.rig.api import Object
from tests.cluster.rig.cluster import Cluster
from tests.cluster.support import ARGO, ArgoStack, python, workflow_name
from tests.e2e.support import Done
from tests.locked_flow import stock, use_solver
from tests.package_site import serve
from tests.receiver import Receiver, receive
from tools.bootstrap.cluster import ARGO_WORKFLOWS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "flows"
RISKY = FLOWS / "risky" / "risky_flow.py"
ENVIRONMENT = FLOWS / "environment"
PATIENT = FLOWS / "patient" / "patient_flow.py"
PARAMETERS = EXAMPLES / "parameters" / "parameter_flow.py"
RESULTS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "project_flow.py": ("ProjectFlow", "fraud.test.dev.projectflow", {"flagged": [990], "branch": "test.dev"}),
    "branch_flow.py": ("BranchFlow", "branchflow", {"total": 14, "attempts": [0, 1, 0]}),
}
"""Examples other than PARAMETERS → flow, template, artifacts of its last task."""


@pytest.fixture(scope="module")
def receiver(cluster: Cluster) -> Iterator[Receiver]:
    """Takes notifications, in the network that pods see."""
    with receive() as server:
        yield server


@pytest.fixture(scope="module")
def bundle(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EnvironmentFlow, locked and compiled, with its packages."""
    folder = tmp_path_factory.mktemp("environment")
    request = CompileRequest(
        flow=shutil.copytree(ENVIRONMENT, folder / "project") / "environment_flow.py",
        target="argo",
        shape=ArgoOptions(environment="pypi", events=True, emit_events=False),
    )
    with serve(folder / "site") as site, pytest.MonkeyPatch.context() as patch:
        stock(site)
        site.add_wheel("tulips", "1.2")
        for name, version in (("boto3", "1.40.0"), ("requests", "2.32.0")):
            # what Metaflow itself needs in a task is the tests' own
            site.add_wheel(name, version, Path(sysconfig.get_path("purelib")))
        use_solver(site, folder / "home", patch)
        patch.setenv("FLOWINFRA_CACHE", str(folder / "cache"))
        lock_flow(request)
        write_bundle(compile_flow(request), folder / "environment.flow")
    return folder / "environment.flow"


@pytest.fixture(scope="module")
def stack(
    cluster: Cluster, receiver: Receiver, bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArgoStack]:
    """All flows of this module, deployed once: the examples, those that events start, those that end in some way."""
    more = (
        {"flow": str(PARAMETERS), "schedule": {"enabled": False}},
        # no reader of their events, which the test would wait for
        {"flow": str(EXAMPLES / "branches" / "branch_flow.py"), "argo": {"emit_events": False}},
        {"flow": str(EXAMPLES / "project" / "project_flow.py"), "branch": "dev", "argo": {"emit_events": False}},
        {"flow": str(RISKY), "argo": {"emit_events": False}},
        {"flow": str(PATIENT), "argo": {"emit_events": False}},
        {"flow": str(bundle), "argo": {"emit_events": False}, "environment": "pypi"},
    )
    with kinds.deployed(cluster, receiver, tmp_path_factory.mktemp("argo") / "project", *more) as stack:
        yield stack


@pytest.fixture(scope="module")
def risky(cluster: Cluster, stack: ArgoStack) -> Object:
    """A run of RiskyFlow, to its end."""
    started = stack.metaflow("riskyflow", RISKY, "argo-workflows", "trigger")
    return cluster.ended(stack.namespace, workflow_name(started))


@pytest.fixture
def minimal_definition(cluster: Cluster, stack: ArgoStack) -> Iterator[None]:
    """Argo's minimal definition of a Workflow, which keeps all that it is given, in place of the full one."""
    minimal = yaml.safe_load((ARGO_WORKFLOWS.manifest("crds-minimal") / "argoproj.io_workflows.yaml").read_text())
    path = cluster.api.path(minimal)
    full = cluster.api.get(path)

    def use(definition: Object, keeps_all: bool) -> None:
        cluster.api.patch(path, {"spec": {"versions": definition["spec"]["versions"]}})
        cluster.wait_for(lambda: _keeps_unknown_fields(stack) is keeps_all, "the other definition")

    use(minimal, keeps_all=True)
    yield
    use(full, keeps_all=False)


def _keeps_unknown_fields(stack: ArgoStack) -> bool:
    trial = {"metadata": {"generateName": "trial-"}, "spec": {"unknown": True}}
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **trial}
    path = f"{ARGO}/namespaces/{stack.namespace}/workflows"
    return "unknown" in stack.cluster.api.request("POST", path, manifest, dryRun="All")["spec"]


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


def test_every_other_example_runs_to_its_end(cluster: Cluster, stack: ArgoStack, tmp_path: Path) -> None:
    assert {file.name for file in EXAMPLES.glob("*/*_flow.py")} == {PARAMETERS.name, *RESULTS}
    started = {template: cluster.submit(stack.namespace, template) for _, template, _ in RESULTS.values()}
    for flow, template, expected in RESULTS.values():
        cluster.ended(stack.namespace, started[template])
        names = " ".join(expected)
        found = results(stack, flow, f"argo-{started[template]}", names, tmp_path, template)
        assert dict(zip(expected, found, strict=True)) == expected


def test_the_clock_starts_a_flow(stack: ArgoStack) -> None:
    kinds.the_clock_starts_a_flow(stack)


def test_texts_arrive_as_they_are(stack: ArgoStack, tmp_path: Path) -> None:
    kinds.texts_arrive_as_they_are(stack, tmp_path)


def test_branches_of_a_switch_meet(stack: ArgoStack, tmp_path: Path) -> None:
    kinds.branches_of_a_switch_meet(stack, tmp_path)


def test_a_step_on_several_nodes_at_once(stack: ArgoStack, tmp_path: Path) -> None:
    kinds.a_step_on_several_nodes_at_once(stack, tmp_path)


def test_the_end_of_a_run_is_told(stack: ArgoStack, receiver: Receiver) -> None:
    kinds.the_end_of_a_run_is_told(stack, receiver)


def test_an_event_starts_a_flow_whose_end_starts_another(stack: ArgoStack, tmp_path: Path) -> None:
    kinds.an_event_starts_a_flow_whose_end_starts_another(stack, tmp_path)


def test_a_step_runs_in_its_locked_environment(cluster: Cluster, stack: ArgoStack, tmp_path: Path) -> None:
    name = cluster.submit(stack.namespace, "environmentflow")
    cluster.ended(stack.namespace, name)
    assert results(stack, "EnvironmentFlow", f"argo-{name}", "tulips", tmp_path) == ["1.2"]


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


def test_metaflows_python_interface(cluster: Cluster, stack: ArgoStack, tmp_path: Path) -> None:
    """Deployed flows are found, one is run; with Argo's full definitions it is `argo` that ends a run."""
    listed = stack.metaflow("patientflow", PATIENT, "argo-workflows", "list-workflow-templates").succeeded()
    assert "patientflow" in listed.output
    variables = stack.variables("patientflow")
    started = """
import json
from metaflow import DeployedFlow
[found] = DeployedFlow.list_deployed_flows("PatientFlow")
same = DeployedFlow.from_deployment("patientflow")
run = same.trigger()
print(json.dumps([found.name, same.flow_name, same.production_token, run.pathspec]))
"""
    name, flow_name, token, pathspec = python(started, variables, tmp_path)
    assert (name, flow_name) == ("patientflow", "PatientFlow")
    assert stack.outputs()["patientflow"]["namespace"] == f"production:{token}"
    run = pathspec.removeprefix("PatientFlow/")
    workflow = run.removeprefix("argo-")
    running(cluster, stack, workflow)
    asked = f"""
import json
from metaflow import DeployedFlow
run = DeployedFlow.get_triggered_run("patientflow", {run!r})
print(json.dumps([run.status, run.is_running]))
"""
    # Metaflow calls it pending as long as no metadata service tells it of a task
    assert python(asked, variables, tmp_path) == ["Pending", True]
    refused = stack.metaflow("patientflow", PATIENT, "argo-workflows", "terminate", run, "--authorize", token)
    assert "KeyError: 'finishedAt'" in refused.output
    for command, suspended in (("suspend", True), ("resume", None), ("terminate", None)):
        cluster.run(["argo", command, "-n", stack.namespace, workflow], tmp_path).succeeded()
        assert stack.live("workflows")[workflow]["spec"].get("suspend") == suspended
    cluster.ended(stack.namespace, workflow, "Failed")
    assert python(asked, variables, tmp_path) == ["Failed", False]


def test_metaflows_own_commands_for_a_running_run(cluster: Cluster, stack: ArgoStack, minimal_definition: None) -> None:
    token = stack.outputs()["patientflow"]["namespace"].removeprefix("production:")
    started = stack.metaflow("patientflow", PATIENT, "argo-workflows", "trigger")
    workflow = workflow_name(started)

    def told(command: str) -> Object:
        words = ("argo-workflows", command, f"argo-{workflow}", "--authorize", token)
        stack.metaflow("patientflow", PATIENT, *words).succeeded()
        spec: Object = stack.live("workflows")[workflow]["spec"]
        return spec

    running(cluster, stack, workflow)
    assert told("suspend")["suspend"] is True
    assert told("unsuspend")["suspend"] is False
    assert told("terminate")["shutdown"] == "Terminate"
    cluster.ended(stack.namespace, workflow, "Failed")


def running(cluster: Cluster, stack: ArgoStack, workflow: str) -> None:
    """Wait until a workflow runs."""

    def runs() -> bool:
        return bool(stack.live("workflows")[workflow].get("status", {}).get("phase") == "Running")

    cluster.wait_for(runs, f"workflow {workflow} to run")


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
