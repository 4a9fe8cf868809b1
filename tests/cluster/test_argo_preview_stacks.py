"""A preview stack of a stack on Argo: a report tells of its running workflow, and `down` ends that and removes all."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.rig.cluster import Cluster
from tests.cluster.support import ARGO, BUCKET, ArgoStack
from tests.e2e.support import Done
from tests.engine.project import flow_source

FOREVER = "__import__('time').sleep(3600)"
KINDS = ("workflowtemplates", "cronworkflows", "sensors")


def test_a_running_workflow_is_told_and_ended(cluster: Cluster, tmp_path: Path) -> None:
    stack = ArgoStack(cluster, tmp_path / "project", cluster.namespace("preview"))
    stack.project.write("flows/a_flow.py", flow_source("AFlow", body=FOREVER))
    stack.configure({"flow": "flows/a_flow.py"})

    def flowinfra(*words: str) -> Done:
        return cluster.run(["flowinfra", *words], stack.project.folder)

    flowinfra("preview-stack", "up", "pr-1", "--of", "test").succeeded()
    assert list(stack.live("workflowtemplates")) == ["pr-1-a-flow"]
    mine = cluster.submit(stack.namespace, "pr-1-a-flow")
    path = f"{ARGO}/namespaces/{stack.namespace}/workflows/{mine}"

    def begun() -> bool:
        nodes = cluster.api.get(path).get("status", {}).get("nodes", {}).values()
        return any(node["type"] == "Pod" and node["phase"] == "Running" for node in nodes)

    cluster.wait_for(begun, "a running step")
    stack.project.write("flows/a_flow.py", flow_source("AFlow", "more", body=FOREVER))
    previewed = cluster.run(["pulumi", "preview", "--json", "-s", "pr-1"], stack.project.folder).succeeded()
    (tmp_path / "preview.json").write_text(previewed.stdout)
    told = flowinfra("report", "--running", str(tmp_path / "preview.json")).succeeded().output
    assert "1 workflow running at this moment, to their end by the old template" in told

    told = flowinfra("preview-stack", "down", "pr-1").succeeded().output
    assert f"Stopping 1 running workflow in namespace {stack.namespace} …\nStopped 1 running workflow.\n" in told
    assert told.endswith("Preview stack pr-1 is removed.\n")
    workflow = cluster.api.get(path)
    assert (workflow["status"]["phase"], workflow["spec"]["shutdown"]) == ("Failed", "Terminate")
    assert [stack.live(kind) for kind in KINDS] == [{}, {}, {}]
    folder = f"{stack.project.name}/previews/pr-1/"
    assert cluster.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=folder)["KeyCount"] == 0
