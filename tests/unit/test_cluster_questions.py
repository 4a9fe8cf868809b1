"""What is asked of a cluster, and what is said where it cannot be."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from flowinfra.clouds.kubernetes import Cluster, Named
from flowinfra.errors import ClusterError


def kubeconfig(port: int) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "me", "user": {"token": "t"}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        }
    )


ANSWERS: dict[str, tuple[int, dict[str, Any]]] = {
    "/api/v1/namespaces/flows": (200, {"metadata": {"name": "flows"}}),
    "/api/v1/namespaces/secret": (403, {"reason": "Forbidden"}),
    "/apis/argoproj.io/v1alpha1/namespaces/secret/workflowtemplates": (403, {"reason": "Forbidden"}),
    "/api/v1/namespaces/broken": (500, {"message": "etcd is gone"}),
    "/apis/argoproj.io/v1alpha1/namespaces/flows/workflows": (
        200,
        {
            "items": [
                {"metadata": {"name": name}, "spec": spec, "status": {"phase": phase} if phase else {}}
                for name, spec, phase in (
                    ("runs", {"workflowTemplateRef": {"name": "train"}}, "Running"),
                    ("new", {"workflowTemplateRef": {"name": "train"}}, ""),
                    ("ended", {"workflowTemplateRef": {"name": "train"}}, "Failed"),
                    ("other", {"workflowTemplateRef": {"name": "other"}}, "Running"),
                    ("own", {"templates": []}, "Running"),
                )
            ]
        },
    ),
    "/api/v1/namespaces/flows/configmaps/dag": (200, {"metadata": {"name": "dag", "labels": {"a": "b"}}}),
    "/api/v1/namespaces/flows/configmaps/bare": (200, {"metadata": {"name": "bare"}}),
    "/apis/rbac.authorization.k8s.io/v1/namespaces/flows/rolebindings/a": (
        200,
        {"metadata": {"name": "a", "annotations": {"b": "c"}}},
    ),
    "/apis/rbac.authorization.k8s.io/v1/namespaces/flows/rolebindings/theirs": (403, {"message": "no"}),
    "/apis/argoproj.io/v1alpha1/namespaces/flows/workflows/runs": (200, {}),
    "/apis/argoproj.io/v1alpha1/namespaces/secret/workflows": (403, {"message": "no"}),
    "/apis/argoproj.io/v1alpha1/namespaces/flows/workflows/theirs": (403, {"message": "no"}),
}
"""Path → status and body; all else is not there."""
PATCHED: list[tuple[str, Any]] = []
"""Path and body of each change."""


@pytest.fixture
def server() -> Iterator[str]:
    """A kubeconfig of something that answers as an apiserver does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = ANSWERS.get(self.path.split("?")[0], (404, {"reason": "NotFound"}))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_PATCH(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            PATCHED.append((self.path, json.loads(sent)))
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        yield kubeconfig(http.server_port)
        http.shutdown()
        thread.join()


def test_no_kubeconfig(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    words = rf"the Kubernetes cluster is not known: there is no kubeconfig {re.escape(missing)}; set KUBECONFIG, or"
    with pytest.raises(ClusterError, match=words):
        Cluster(missing)
    with pytest.raises(ClusterError) as raised:
        Cluster("SECRET\n")
    assert "what it has as kubeconfig is not one" in str(raised.value)
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("token: SECRET\nusers: [\n", "is not YAML, line 3"),
        ("SECRET, just text\n", "what it has as kubeconfig is not one"),
        ("clusters: SECRET\ncontexts: 3\ncurrent-context: x\n", ""),
        ("", "is empty"),
    ],
)
def test_what_is_no_kubeconfig(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ClusterError, match="the Kubernetes cluster is not known") as raised:
        Cluster(str(path))
    assert said in str(raised.value)
    assert "SECRET" not in str(raised.value)
    if content:
        with pytest.raises(ClusterError, match="the Kubernetes cluster is not known"):
            Cluster(content)


def test_a_kubeconfig_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="cannot be read"):
        Cluster(str(tmp_path))


def test_a_context_that_the_kubeconfig_has_not() -> None:
    with pytest.raises(ClusterError, match=r"the Kubernetes cluster is not known: .*prod"):
        Cluster(kubeconfig(1), "prod")


def test_a_cluster_that_does_not_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(ClusterError, match="cannot be reached"):
            Cluster(kubeconfig(taken.getsockname()[1])).has_namespace("flows")


def test_a_cluster_that_speaks_no_tls(server: str) -> None:
    with pytest.raises(ClusterError, match=r"cluster https://\S+ cannot be reached \(SSLError: .+\); see"):
        Cluster(server.replace("http://", "https://")).has_namespace("flows")


def test_what_is_there_and_what_is_not(server: str) -> None:
    cluster = Cluster(server)
    assert cluster.has_namespace("flows")
    assert not cluster.has_namespace("flwos")
    assert not cluster.has_service_account("flows", "nobody")
    assert cluster.argo_resources() == frozenset()
    assert not cluster.has_job_sets()


def test_a_cluster_with_job_sets(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"kind": "APIResourceList", "groupVersion": "jobset.x-k8s.io/v1alpha2", "resources": []}
    monkeypatch.setitem(ANSWERS, "/apis/jobset.x-k8s.io/v1alpha2", (200, known))
    assert Cluster(server).has_job_sets()


def test_what_one_may_not_look_at_is_taken_to_be_there(server: str) -> None:
    cluster = Cluster(server)
    assert cluster.has_namespace("secret")
    assert cluster.named("secret", "workflowtemplates") is None


def test_a_failure_of_the_cluster_is_one_message(server: str) -> None:
    with pytest.raises(ClusterError, match="500"):
        Cluster(server).has_namespace("broken")


def test_an_object_of_a_name(server: str) -> None:
    cluster = Cluster(server)
    found = [cluster.of_that_name("v1", "ConfigMap", "flows", name) for name in ("dag", "bare", "none")]
    assert found == [Named("dag", {"a": "b"}, {}), Named("bare", {}, {}), None]
    group = ("rbac.authorization.k8s.io/v1", "RoleBinding", "flows")
    assert cluster.of_that_name(*group, "a") == Named("a", {}, {"b": "c"})
    with pytest.raises(ClusterError, match="asked for RoleBinding flows/theirs, answers 403: no"):
        cluster.of_that_name(*group, "theirs")


def deployment(image: str, namespace: str = "argo") -> dict[str, Any]:
    spec = {"template": {"spec": {"containers": [{"image": "proxy:v1.2.3"}, {"image": image}]}}}
    return {"metadata": {"name": "workflow-controller", "namespace": namespace}, "spec": spec}


IMAGE = "quay.io/argoproj/workflow-controller"
FORBIDDEN = (403, {"reason": "Forbidden"})


@pytest.mark.parametrize(
    ("everywhere", "in_argo", "version"),
    [
        ((200, [deployment(f"{IMAGE}:v4.1.4")]), None, "4.1.4"),
        ((200, [deployment("registry.local:5000/bitnami/argo-workflow-controller:3.7.18-debian-12")]), None, "3.7.18"),
        ((200, [deployment(f"{IMAGE}:latest")]), None, None),
        ((200, [deployment(f"{IMAGE}@sha256:0123")]), None, None),
        ((200, []), None, None),
        ((200, [deployment(f"{IMAGE}:v4.1.4"), deployment(f"{IMAGE}:v3.7.1", "other")]), None, None),
        ((200, [deployment(f"{IMAGE}:v4.1.4"), deployment(f"{IMAGE}:v3.7.1", "flows")]), None, "3.7.1"),
        (FORBIDDEN, (200, [deployment(f"{IMAGE}:v4.1.4")]), "4.1.4"),
        (FORBIDDEN, FORBIDDEN, None),
    ],
)
def test_version_of_argo(
    server: str, everywhere: Any, in_argo: Any, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the controller that runs a namespace's workflows: its own, else the only one that is seen."""
    for path, answer in (("deployments", everywhere), ("namespaces/argo/deployments", in_argo)):
        if answer is not None:
            status, found = answer
            body = {"items": found} if status == 200 else found
            monkeypatch.setitem(ANSWERS, f"/apis/apps/v1/{path}", (status, body))
    assert Cluster(server).argo_version("flows") == version


def test_workflows_of_a_template_that_run(server: str) -> None:
    cluster = Cluster(server)
    assert cluster.running_workflows("flows", ["train"]) == ["runs", "new"]
    assert cluster.running_workflows("no-such", ["train"]) == []
    with pytest.raises(ClusterError, match="asked for workflows, answers 403"):
        cluster.running_workflows("secret", ["train"])


def test_ending_a_workflow(server: str) -> None:
    cluster = Cluster(server)
    PATCHED.clear()
    cluster.terminate("flows", "runs")
    cluster.terminate("flows", "gone")
    path = "/apis/argoproj.io/v1alpha1/namespaces/flows/workflows/runs"
    assert PATCHED[0] == (path, {"spec": {"shutdown": "Terminate"}})
    with pytest.raises(ClusterError, match="asked for the end of workflow flows/theirs, answers 403"):
        cluster.terminate("flows", "theirs")
