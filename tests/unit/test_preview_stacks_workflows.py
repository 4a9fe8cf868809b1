"""Which running workflows `preview-stack down` ends, in which cluster, and what is said where it cannot."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from flowinfra.clouds.kubernetes import Cluster
from flowinfra.errors import ClusterError, ToolError
from flowinfra.operate.preview_stacks.workflows import Place, stop_workflows, templates

PROVIDER = "urn:pulumi:pr-42::shop::pulumi:providers:kubernetes::default"
HERE = Place(None, "dev", "flows")


def template(name: str, provider: str = PROVIDER) -> dict[str, Any]:
    return {
        "type": "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate",
        "urn": f"urn:pulumi:pr-42::shop::WorkflowTemplate::{name}",
        "id": f"flows/{name}",
        "provider": f"{provider}::1",
        "inputs": {"metadata": {"name": name, "namespace": "flows"}},
    }


def provider(**inputs: Any) -> dict[str, Any]:
    return {"type": "pulumi:providers:kubernetes", "urn": PROVIDER, "id": "1", "inputs": inputs}


class Argo:
    """A cluster whose workflows end when they are told to, unless they are deaf."""

    def __init__(self, *running: str, deaf: bool = False, refuses: str = "") -> None:
        self.running, self.deaf, self.refuses = list(running), deaf, refuses
        self.ended: list[str] = []

    def running_workflows(self, namespace: str, names: list[str]) -> list[str]:
        if self.refuses:
            raise ClusterError(self.refuses)
        assert (namespace, names) == ("flows", ["pr-42-train"])
        return list(self.running)

    def terminate(self, namespace: str, workflow: str) -> None:
        self.ended.append(workflow)
        if not self.deaf:
            self.running.remove(workflow)
            if workflow == "first":
                self.running.append("by-an-event")


def stop(cluster: Argo, **more: Any) -> tuple[int, list[str]]:
    said: list[str] = []
    found = {HERE: ["pr-42-train"]}
    return stop_workflows(found, said.append, lambda *_: cast(Cluster, cluster), **more), said


def test_where_a_state_has_templates() -> None:
    resources = [provider(context="dev"), template("a"), template("b"), {"type": "aws:s3/bucket:Bucket", "urn": "u"}]
    assert templates(resources) == {HERE: ["a", "b"]}
    assert templates([template("a", "urn:gone")]) == {Place(None, None, "flows"): ["a"]}


def test_a_kubeconfig_that_is_a_secret() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps("text")}
    assert list(templates([provider(kubeconfig=secret), template("a")])) == [Place("text", None, "flows")]


def test_all_are_ended_also_what_an_event_started_meanwhile() -> None:
    cluster = Argo("first", "second")
    assert stop(cluster) == (
        3,
        ["Stopping 2 running workflows in namespace flows …", "Stopping 1 running workflow in namespace flows …"],
    )
    assert cluster.ended == ["first", "second", "by-an-event"]


def test_none_runs() -> None:
    assert stop(Argo()) == (0, [])


def test_what_goes_on_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"1 workflow in namespace 'flows' still ran .*: x; nothing was removed"):
        stop(Argo("x", deaf=True), patience=0)


def test_a_cluster_that_cannot_be_asked() -> None:
    with pytest.raises(ClusterError, match="gone\nRunning workflows of pr-42-train in namespace 'flows'") as raised:
        stop(Argo(refuses="gone"))
    assert "PULUMI_K8S_DELETE_UNREACHABLE=true" in str(raised.value)
