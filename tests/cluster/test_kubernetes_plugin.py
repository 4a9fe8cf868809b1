"""The stand-in for pulumi-kubernetes, driven by the real engine against the real apiserver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.rig.api import Object
from tests.cluster.rig.cluster import Cluster
from tests.e2e.support import Done, unique

PROGRAM = """
import json, pathlib, pulumi

for name, manifest in json.loads(pathlib.Path("objects.json").read_text()).items():
    version = manifest["apiVersion"]
    token = f"kubernetes:{version if '/' in version else 'core/' + version}:{manifest['kind']}"
    secret = manifest.pop("secret", None)
    if secret:
        manifest["stringData"] = {key: pulumi.Output.secret(value) for key, value in secret.items()}
    pulumi.CustomResource(token, name, manifest)
"""
ARGO = "argoproj.io/v1alpha1"
UNREACHABLE = "https://127.0.0.1:1"


class Stack:
    """A Pulumi project whose program makes the objects of a file."""

    def __init__(self, cluster: Cluster, folder: Path, namespace: str) -> None:
        self.cluster, self.folder, self.namespace = cluster, folder, namespace
        (folder / "Pulumi.yaml").write_text(f"name: {unique('plugin')}\nruntime: python\n")
        (folder / "__main__.py").write_text(PROGRAM)
        self.pulumi("stack", "init", "test").succeeded()

    def write(self, **objects: Object) -> None:
        """Let the program make these objects, in the test's namespace."""
        for manifest in objects.values():
            manifest["metadata"] = {"namespace": self.namespace, **manifest.get("metadata", {})}
        (self.folder / "objects.json").write_text(json.dumps(objects))

    def pulumi(self, *words: str, **variables: str) -> Done:
        """A command of Pulumi's."""
        return self.cluster.run(["pulumi", *words, "--non-interactive", "--color=never"], self.folder, **variables)

    def up(self) -> Done:
        """Deploy; the caller says whether it is to succeed."""
        return self.pulumi("up", "--yes", "--skip-preview", "-s", "test")

    def steps(self, *words: str, **variables: str) -> dict[str, dict[str, Any]]:
        """A preview's steps by the resource's name, without what stays the same."""
        shown = self.pulumi("preview", "--json", "-s", "test", *words, **variables).succeeded()
        steps = json.loads(shown.stdout)["steps"]
        named = {step["urn"].rsplit("::", 1)[-1]: step for step in steps if "kubernetes:" in step["urn"].split("::")[2]}
        return {name: step for name, step in named.items() if step["op"] != "same"}

    def live(self, plural: str, name: str) -> Object | None:
        """An object in the cluster."""
        group = "/api/v1" if plural in ("secrets", "configmaps", "serviceaccounts") else f"/apis/{ARGO}"
        return self.cluster.api.find(f"{group}/namespaces/{self.namespace}/{plural}/{name}")


@pytest.fixture
def stack(cluster: Cluster, namespace: str, tmp_path: Path) -> Stack:
    """A stack of the test's own."""
    return Stack(cluster, tmp_path, namespace)


def template(image: str = "any") -> Object:
    container = {"image": image, "command": ["true"]}
    templates = [{"name": "main", "container": container}, {"name": "other", "container": dict(container)}]
    return {
        "apiVersion": ARGO,
        "kind": "WorkflowTemplate",
        "metadata": {"name": "flow", "labels": {"app": "test"}},
        "spec": {"entrypoint": "main", "templates": templates},
    }


def secret(**values: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "words"}, "secret": values}


def settings(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


def role(*verbs: str) -> Object:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}]
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "role"}, "rules": rules}


def test_life_of_objects(stack: Stack) -> None:
    """Create, nothing to do, change in place, replace, drift, mend, delete."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    stack.write(flow=template(), words=secret(a="hidden"), settings=settings(a="1"), role=role("get"), account=account)
    shown = stack.up().succeeded()
    assert "hidden" not in shown.output
    state = stack.pulumi("stack", "export", "-s", "test").succeeded().stdout
    assert "hidden" not in state
    assert "aGlkZGVu" not in state
    resources = json.loads(state)["deployment"]["resources"]
    [account_name] = [item["id"].split("/")[1] for item in resources if item["urn"].endswith("::account")]
    assert account_name.startswith("account-")
    assert stack.live("serviceaccounts", account_name) is not None
    stack.pulumi("preview", "--expect-no-changes", "--refresh", "-s", "test").succeeded()

    stack.write(
        flow=template("newer"),
        words=secret(a="secret"),
        settings=settings(a="2"),
        role=role("get", "list"),
        account=account,
    )
    steps = stack.steps()
    assert {name: step["op"] for name, step in steps.items()} == {
        "flow": "update",
        "role": "update",
        "settings": "replace",
        "words": "replace",
    }
    paths = set(steps["flow"]["detailedDiff"])
    assert paths == {"spec.templates[0].container.image", "spec.templates[1].container.image"}
    assert set(steps["role"]["detailedDiff"]) == {"rules[0].verbs[1]"}
    stack.up().succeeded()
    changed = stack.live("secrets", "words")
    assert changed is not None
    assert changed["data"] == {"a": "c2VjcmV0"}

    path = f"/apis/{ARGO}/namespaces/{stack.namespace}/workflowtemplates/flow"
    stack.cluster.api.patch(path, {"metadata": {"labels": {"app": "drifted"}}})
    assert stack.steps() == {}
    refused = stack.pulumi("preview", "--refresh", "-s", "test").failed()
    assert "Server-Side Apply field conflict detected" in refused
    assert ".metadata.labels.app" in refused
    forced = template("newer")
    forced["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    stack.write(
        flow=forced, words=secret(a="secret"), settings=settings(a="2"), role=role("get", "list"), account=account
    )
    paths = {"metadata.annotations", "metadata.labels.app"}
    assert set(stack.steps("--refresh")["flow"]["detailedDiff"]) == paths
    stack.pulumi("refresh", "--yes", "--skip-preview", "-s", "test").succeeded()
    stack.up().succeeded()
    assert stack.cluster.api.get(path)["metadata"]["labels"] == {"app": "test"}
    stack.pulumi("preview", "--expect-no-changes", "--refresh", "-s", "test").succeeded()

    stack.cluster.api.delete(path)
    assert stack.steps("--refresh")["flow"]["op"] == "create"
    stack.pulumi("destroy", "--yes", "--skip-preview", "-s", "test").succeeded()
    assert stack.live("secrets", "words") is None


def test_what_is_there_already_is_refused_and_can_be_imported(stack: Stack) -> None:
    stack.cluster.api.create(template(), stack.namespace)
    stack.write(flow=template())
    assert 'workflowtemplates "flow" already exists' in " ".join(stack.up().failed().split())
    words = ("import", f"kubernetes:{ARGO}:WorkflowTemplate", "flow", f"{stack.namespace}/flow")
    stack.pulumi(*words, "--yes", "--protect=false", "--generate-code=false", "-s", "test").succeeded()
    stack.pulumi("preview", "--expect-no-changes", "-s", "test").succeeded()


def test_refusals(stack: Stack) -> None:
    objects = {name: template() for name in ("namespace", "name", "field", "kind")}
    objects["namespace"]["metadata"]["namespace"] = "nowhere"
    objects["name"]["metadata"]["name"] = "No_Name"
    objects["field"]["spec"]["parallelism"] = "many"
    objects["kind"]["kind"] = "Nothing"
    stack.write(**objects)
    shown = " ".join(
        stack.pulumi("up", "--yes", "--skip-preview", "--continue-on-error", "-s", "test").failed().split()
    )
    for message in (
        'namespaces "nowhere" not found',
        'metadata.name: Invalid value: "No_Name"',
        ".spec.parallelism: expected numeric (int or float), got string",
        "Verify that any required CRDs have been created",
    ):
        assert message in shown


def test_unreachable_cluster(stack: Stack, tmp_path: Path) -> None:
    """Previews work from the inputs, everything else fails and says so."""
    kubeconfig = tmp_path / "unreachable"
    kubeconfig.write_text(stack.cluster.kubeconfig.read_text().replace("https://127.0.0.1:6443", UNREACHABLE))
    variables = {"KUBECONFIG": str(kubeconfig)}
    stack.write(flow=template())
    stack.up().succeeded()
    stack.write(flow=template("newer"), role=role("get"))
    shown = stack.pulumi("preview", "-s", "test", **variables).succeeded().output
    assert "configured Kubernetes cluster is unreachable: unable to load schema information" in shown
    assert "WorkflowTemplate flow update" in " ".join(shown.split())
    assert "Role role create" in " ".join(shown.split())
    for words in (("up", "--skip-preview"), ("refresh", "--skip-preview"), ("destroy", "--skip-preview")):
        refused = stack.pulumi(*words, "--yes", "-s", "test", **variables).failed()
        assert "cluster is unreachable" in refused or "due to unreachable cluster" in refused
    missing = stack.pulumi("up", "--skip-preview", "--yes", "-s", "test", KUBECONFIG=str(tmp_path / "none")).failed()
    assert "unable to load Kubernetes client configuration from kubeconfig file" in missing


def test_cluster_elsewhere_is_refused(stack: Stack, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "elsewhere"
    kubeconfig.write_text(stack.cluster.kubeconfig.read_text().replace("https://127.0.0.1", "https://192.0.2.1"))
    stack.write(flow=template())
    refused = stack.pulumi("preview", "-s", "test", KUBECONFIG=str(kubeconfig)).failed()
    assert "speaks only to a cluster on this machine" in refused
