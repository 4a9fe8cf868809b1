"""A flow that Pulumi delivered as a ConfigMap is run to its end by real Airflows, whose tasks are pods of the cluster.

Airflow runs in a pod too, with the ConfigMap as its DAG folder and with the permissions that docs/airflow.md names.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowinfra.local.identity import REGION
from tests.airflow.installations import python_with, unsupported
from tests.cluster.rig.cluster import SERVICE_ACCOUNT, Cluster
from tests.cluster.support import BUCKET, ClusterStack, python

FLOW = Path(__file__).parent / "flows" / "shapes" / "shapes_flow.py"
WORD = "a $(id) `id` \"q\" 'q' {{ ds }} grün"
VERSIONS = ("2.10", "3")
ITEMS = 2
PERMISSIONS = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "get", "list", "watch", "patch", "delete"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list"]},
]
"""Of Airflow's workers in the tasks' namespace, as docs/airflow.md has them."""
PATIENCE = 600.0
"""Seconds for a run."""
ASK = """
import json
from metaflow import Flow, namespace
namespace({namespace!r})
[run] = [run for run in Flow("ShapesFlow") if run.finished and run.data.word == {word!r}]
print(json.dumps({{
    "id": run.id,
    "successful": run.successful,
    "said": run["end"].task.data.said,
    "attempts": sorted(task.metadata_dict["attempt"] for task in run["work"]),
}}))
"""


@pytest.fixture(scope="module")
def airflow_namespace(cluster: Cluster) -> str:
    """Where Airflow itself runs."""
    return cluster.namespace("airflow")


@pytest.fixture(scope="module")
def stack(cluster: Cluster, airflow_namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    """The flow, deployed."""
    jobs = cluster.namespace("jobs")
    stack = ClusterStack(cluster, tmp_path_factory.mktemp("airflow") / "project", jobs)
    airflow = {
        "namespace": jobs,
        "service_account": SERVICE_ACCOUNT,
        "dags": {"config_maps": airflow_namespace},
    }
    platform = {"bucket": BUCKET, "prefix": stack.project.name, "region": REGION, "airflow": airflow}
    stack.project.configure({"flow": str(FLOW)}, platform=platform, defaults={"target": "airflow"})
    stack.project.up()
    path = config_map_path(stack)
    yield stack
    stack.project.pulumi("destroy", "--yes", "--skip-preview")
    assert cluster.api.find(path) is None


def config_map_path(stack: ClusterStack) -> str:
    """The object that holds the flow's DAG."""
    namespace, name, _ = stack.outputs()["ShapesFlow"]["file"].removeprefix("configmap://").split("/")
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}"


def allow(cluster: Cluster, namespace: str, jobs: str) -> None:
    """Let Airflow's service account start tasks."""
    group, kinds = "rbac.authorization.k8s.io", {"name": "airflow"}
    subject = {"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": namespace}
    reference = {"apiGroup": group, "kind": "Role", "name": "airflow"}
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": kinds, "rules": PERMISSIONS}
    binding = {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": kinds, "roleRef": reference}
    cluster.api.create(role, jobs)
    cluster.api.create({**binding, "subjects": [subject]}, jobs)


def start(cluster: Cluster, namespace: str, config_map: str, version: str) -> str:
    """Let an Airflow run the DAG once, in a pod; the pod's path."""
    with cluster.outside():
        interpreter = Path(python_with(version))
    installation = str(interpreter.parents[1])
    conf = json.dumps({"count": ITEMS, "word": word(version)})
    airflow = f"{shlex.quote(str(interpreter))} -m airflow"
    commands = f"{airflow} db migrate && exec {airflow} dags test ShapesFlow --conf {shlex.quote(conf)}"
    variables = {
        "AIRFLOW_HOME": "/tmp/airflow",
        "AIRFLOW__CORE__DAGS_FOLDER": "/opt/airflow/dags",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
        # its own byte code, beside its modules
        "PYTHONPYCACHEPREFIX": "",
    }
    container = {
        "name": "airflow",
        "image": "airflow",
        # `$(id)` of the value is not for kubelet to expand
        "command": ["sh", "-c", commands.replace("$(", "$$(")],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "volumeMounts": [
            {"name": "dags", "mountPath": "/opt/airflow/dags"},
            {"name": "installation", "mountPath": installation, "readOnly": True},
        ],
    }
    volumes = [
        {"name": "dags", "configMap": {"name": config_map}},
        {"name": "installation", "hostPath": {"path": installation}},
    ]
    spec = {
        "serviceAccountName": SERVICE_ACCOUNT,
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": volumes,
    }
    name = f"airflow-{version}".replace(".", "-")
    cluster.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}, namespace)
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


@pytest.fixture(scope="module")
def runs(cluster: Cluster, airflow_namespace: str, stack: ClusterStack) -> Iterator[dict[str, str]]:
    """Version of Airflow → path of the pod in which it runs the DAG; all at a time, for they mostly wait."""
    allow(cluster, airflow_namespace, stack.namespace)
    config_map = config_map_path(stack).rpartition("/")[2]
    yield {
        version: start(cluster, airflow_namespace, config_map, version)
        for version in VERSIONS
        if unsupported(version) is None
    }
    assert cluster.api.items(f"/api/v1/namespaces/{stack.namespace}/pods") == []


def word(version: str) -> str:
    """What the run of an Airflow is given, and known by."""
    return f"{WORD} {version}"


def ended(cluster: Cluster, pod: str, namespace: str, jobs: str) -> None:
    """Wait until the run has ended well."""

    def phase() -> str | None:
        found = str(cluster.api.get(pod)["status"]["phase"])
        return found if found in ("Succeeded", "Failed") else None

    found = cluster.wait_for(phase, "the end of Airflow's run", PATIENCE)
    assert found == "Succeeded", f"{cluster.told(namespace)}\n{cluster.told(jobs)}"


@pytest.mark.versions
@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_in_pods(
    version: str, cluster: Cluster, airflow_namespace: str, stack: ClusterStack, runs: dict[str, str], tmp_path: Path
) -> None:
    if reason := unsupported(version):
        pytest.skip(reason)
    ended(cluster, runs[version], airflow_namespace, stack.namespace)

    local = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path)}
    variables = {**stack.variables("ShapesFlow"), **local}
    cluster.run(["flowinfra", "pull", "ShapesFlow"], tmp_path, **variables).succeeded()
    namespace = stack.outputs()["ShapesFlow"]["namespace"]
    run = python(ASK.format(namespace=namespace, word=word(version)), variables, tmp_path)
    origin = run.pop("id")
    assert origin.startswith("airflow-")
    assert run == {
        "successful": True,
        "said": f"{word(version)}: {[one**2 for one in range(ITEMS)]} ['left', 'right']",
        "attempts": ["0", "1"],
    }
    words = ("resume", "both", "--origin-run-id", origin)
    resumed = stack.metaflow("ShapesFlow", FLOW, *words, **local).succeeded()
    assert f"ShapesFlow/{origin} cloned!" in resumed.output
    assert "Done!" in resumed.output
