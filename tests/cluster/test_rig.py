"""The rig itself: what Kubernetes and Argo do on it, before anything of flowinfra's is deployed there."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import requests
import yaml
from kubernetes.stream import stream

from tests.cluster.rig.api import ApiError, Object
from tests.cluster.rig.cluster import Cluster

ROOT = Path(__file__).parents[2]
MANIFESTS = Path(__file__).parent / "manifests"


def manifests(name: str) -> list[Object]:
    """The objects of one of the tests' files."""
    return list(yaml.safe_load_all((MANIFESTS / f"{name}.yaml").read_text()))


def outputs(node: Any) -> dict[str, str]:
    """Output parameters of a node."""
    return {each["name"]: each["value"] for each in node["outputs"]["parameters"]}


def nodes(workflow: Object) -> dict[str, Any]:
    """Display name → node, of those that ran."""
    return {node["displayName"]: node for node in workflow["status"]["nodes"].values()}


class TestKubernetes:
    def test_a_job_ends_and_its_log_can_be_read(self, cluster: Cluster, namespace: str) -> None:
        container = {
            "name": "main",
            "image": "any",
            "command": ["sh", "-c", 'echo hello from $(NAME); echo $GREETING; python -c "$SCRIPT"'],
            "env": [
                {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['job-name']"}}},
                {"name": "SCRIPT", "value": "import boto3; print(len(boto3.client('s3').list_buckets()['Buckets']))"},
                {"name": "GREETING", "valueFrom": {"secretKeyRef": {"name": "words", "key": "greeting"}}},
            ],
        }
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "words"}, "stringData": {"greeting": "hi"}}
        cluster.api.create(secret, namespace)
        spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
        cluster.api.create(
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": spec}, namespace
        )
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/job"
        cluster.wait_for(lambda: cluster.api.get(path)["status"].get("succeeded"), "the job")
        [pod] = cluster.api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector="job-name=job")
        log = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/log"
        assert cluster.api.get(log) == "hello from job\nhi\n1\n"
        assert cluster.api.get(log, tailLines=1) == "1\n"
        stamped = cluster.api.get(log, timestamps="true", follow="true").splitlines()
        assert [line.split(" ", 1)[1] for line in stamped] == ["hello from job", "hi", "1"]

    def test_a_container_beside_one_that_has_ended(self, cluster: Cluster, namespace: str) -> None:
        ended = {"name": "ended", "image": "any", "command": ["echo", "done"]}
        wait = "trap 'exit 0' INT; while true; do sleep 1; done"
        beside = {"name": "beside", "image": "any", "command": ["sh", "-c", wait], "workingDir": "/somewhere"}
        pod = {"metadata": {"name": "pod"}, "spec": {"restartPolicy": "Never", "containers": [ended, beside]}}
        cluster.api.create({"apiVersion": "v1", "kind": "Pod", **pod}, namespace)
        path = f"/api/v1/namespaces/{namespace}/pods/pod"

        def states() -> dict[str, str]:
            found = cluster.api.get(path)["status"].get("containerStatuses", [])
            return {each["name"]: next(iter(each["state"])) for each in found}

        both = {"ended": "terminated", "beside": "running"}
        cluster.wait_for(lambda: states() == both, "the end of one container")
        # ends although the pod goes on
        assert cluster.api.get(f"{path}/log", container="ended", follow="true") == "done\n"
        words = ["sh", "-c", "pwd; kill -INT 1"]
        options = {"container": "beside", "command": words, "stdin": True, "stdout": True, "stderr": True}
        connect: Any = kubernetes.config.new_client_from_config
        with connect(str(cluster.kubeconfig)) as client:
            ask = kubernetes.client.CoreV1Api(client).connect_get_namespaced_pod_exec
            with contextlib.closing(stream(ask, "pod", namespace, _preload_content=False, **options)) as said:
                said.run_forever()
                # which its close does not do once the other side has closed
                said.sock.shutdown()
                assert said.read_all() == "/somewhere\n"
        cluster.wait_for(lambda: cluster.api.get(path)["status"]["phase"] == "Succeeded", "the end of the other one")

    def test_a_pod_without_a_service_account_is_refused(self, cluster: Cluster, namespace: str) -> None:
        spec = {"serviceAccountName": "nobody", "containers": [{"name": "main", "image": "any", "command": ["true"]}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec}
        with pytest.raises(ApiError, match='serviceaccount "nobody" not found'):
            cluster.api.create(pod, namespace)

    def test_definitions_are_the_full_ones(self, cluster: Cluster, namespace: str) -> None:
        spec = {"entrypoint": "main", "templates": [{"name": "main", "container": {"command": ["true"]}}]}
        template = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": "bad"}}
        spec["parallelism"] = "many"
        with pytest.raises(ApiError, match=r"spec\.parallelism: Invalid value"):
            cluster.api.create({**template, "spec": spec}, namespace)

    def test_nothing_outside_is_reached(self, cluster: Cluster) -> None:
        with pytest.raises(requests.ConnectionError):
            requests.get("http://192.0.2.1/", timeout=5)

    def test_a_pod_whose_full_name_is_too_long_for_a_host_is_refused(self, cluster: Cluster, namespace: str) -> None:
        container = {"name": "main", "image": "any", "command": ["true"]}
        named = {"hostname": "h" * 40, "subdomain": "anything", "setHostnameAsFQDN": True}
        spec = {"restartPolicy": "Never", "containers": [container], **named}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec}
        cluster.api.create(pod, namespace)
        path = f"/api/v1/namespaces/{namespace}/pods/pod"
        cluster.wait_for(lambda: cluster.api.get(path)["status"]["phase"] == "Failed", "the end of the pod")
        assert "(64 characters is the max, 81 characters requested)" in cluster.api.get(path)["status"]["message"]


class TestJobSets:
    def test_pods_of_a_set_find_the_first_one_by_its_name(self, cluster: Cluster, namespace: str) -> None:
        [job_set] = manifests("gang")
        cluster.api.create(job_set, namespace)
        path = f"/apis/jobset.x-k8s.io/v1alpha2/namespaces/{namespace}/jobsets/gang"
        cluster.wait_for(lambda: cluster.api.get(path).get("status", {}).get("terminalState"), "the end of the set")
        assert cluster.api.get(path)["status"]["terminalState"] == "Completed"
        place = f"/api/v1/namespaces/{namespace}/pods"
        pods = {pod["spec"]["hostname"]: pod for pod in cluster.api.items(place)}
        said = {name: cluster.api.get(f"{place}/{pod['metadata']['name']}/log") for name, pod in pods.items()}
        address = pods["gang-control-0-0"]["status"]["podIP"]
        assert said == {
            "gang-control-0-0": f"gang-control-0-0.gang.{namespace}.svc.cluster.local\n",
            "gang-worker-0-0": f"gang-worker-0-0\n{address}\n",
            "gang-worker-1-0": f"gang-worker-1-0\n{address}\n",
        }


class TestWorkflows:
    def test_dag_fans_out_retries_and_ends_with_its_hook(self, cluster: Cluster, namespace: str) -> None:
        [template] = manifests("fan")
        cluster.api.create(template, namespace)
        name = cluster.submit(namespace, "fan", count="3")
        workflow = cluster.ended(namespace, name)
        found = nodes(workflow)
        assert outputs(found["sum"]) == {"total": "14"}
        assert [found[f"square(1:2)({attempt})"]["phase"] for attempt in (0, 1)] == ["Failed", "Succeeded"]
        assert found[f"{name}.onExit"]["phase"] == "Succeeded"

    def test_cron_workflow_fires(self, cluster: Cluster, namespace: str) -> None:
        template, cron = *manifests("fan"), *manifests("cron")
        for manifest in (template, cron):
            cluster.api.create(manifest, namespace)
        label = {"workflows.argoproj.io/cron-workflow": "tick"}
        started = cluster.wait_for(lambda: cluster.workflows(namespace, **label), "a run of the cron workflow")
        cluster.api.delete(f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/cronworkflows/tick", policy="Orphan")
        cluster.ended(namespace, started[0]["metadata"]["name"])

    def test_terminate_ends_the_containers(self, cluster: Cluster, namespace: str) -> None:
        [template] = manifests("sleep")
        cluster.api.create(template, namespace)
        name = cluster.submit(namespace, "sleep")
        cluster.ready_pod(namespace, {"workflows.argoproj.io/workflow": name})
        cluster.run(["argo", "terminate", "-n", namespace, name], Path.cwd()).succeeded()
        workflow = cluster.ended(namespace, name, "Failed")
        assert workflow["status"]["message"] == "Stopped with strategy 'Terminate'"

    def test_event_starts_a_workflow(self, cluster: Cluster, namespace: str) -> None:
        cluster.event_bus(namespace)
        for manifest in (*manifests("fan"), *manifests("events")):
            cluster.api.create(manifest, namespace)
        pods = [cluster.ready_pod(namespace, {key: "hook"}) for key in ("eventsource-name", "sensor-name")]
        url = f"http://{pods[0]['status']['podIP']}:12000/go"

        def started() -> list[Object]:
            # The event source may not listen yet, nor may the sensor: an event that comes before is not its own.
            with contextlib.suppress(requests.ConnectionError):
                requests.post(url, json={"count": "2"}, timeout=10).raise_for_status()
            return cluster.workflows(namespace)

        workflow = cluster.wait_for(started, "a workflow that the event starts")[0]
        found = nodes(cluster.ended(namespace, workflow["metadata"]["name"]))
        assert outputs(found["sum"]) == {"total": "5"}


class TestEnd:
    def test_nothing_is_left_where_the_process_that_started_it_is_killed(self, tmp_path: Path) -> None:
        code = "import pathlib, sys; from tests.cluster.rig.cluster import Cluster; Cluster(pathlib.Path(sys.argv[1]))"
        folder = tmp_path / "other"
        owner = subprocess.Popen([sys.executable, "-c", code, folder], cwd=ROOT)
        try:
            while "kube-apiserver" not in processes(folder):
                assert owner.poll() is None
                time.sleep(0.1)
        finally:
            owner.kill()
            owner.wait()
        while processes(folder):
            time.sleep(0.1)


def processes(folder: Path) -> set[str]:
    """Names of the programs whose command names a folder."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = file.read_bytes().split(b"\0")
            if any(bytes(folder) in word for word in words):
                found.add(Path(words[0].decode()).name)
    return found
