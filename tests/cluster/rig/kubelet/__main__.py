"""`python -m tests.cluster.rig.kubelet SETTINGS`: run all pods of the cluster until ended."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from tests.cluster.rig.api import Api, ApiError, Object
from tests.cluster.rig.kubelet import logs, names
from tests.cluster.rig.kubelet.pod import Pod
from tests.cluster.rig.settings import KUBELET_PORT, NODE, NODE_ADDRESS, Folder, KubeletSettings

_PODS = "/api/v1/pods"
_GONE = 410


class Node:
    """The only node: every pod is run here."""

    def __init__(self, settings: KubeletSettings) -> None:
        self._settings = settings
        self._api = Api.from_kubeconfig(Path(settings.kubeconfig))
        self._pods: dict[str, Pod] = {}
        self._manifests: dict[tuple[str, str], Object] = {}

    def register(self) -> None:
        """Tell the apiserver of the node."""
        labels = {"kubernetes.io/os": "linux", "kubernetes.io/hostname": NODE, "kubernetes.io/arch": "amd64"}
        self._api.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}})
        capacity = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "1Ti"}
        status = {
            "addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}, {"type": "Hostname", "address": NODE}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "capacity": capacity,
            "allocatable": capacity,
        }
        self._api.patch(f"/api/v1/nodes/{NODE}/status", {"status": status})

    def running(self, namespace: str, pod: str, container: str) -> bool:
        """Whether a container's log may still grow."""
        manifest = self._manifests.get((namespace, pod))
        if manifest is None or manifest["status"].get("phase") not in ("Pending", "Running"):
            return False
        # of a pod that runs on, as with a sidecar
        states = manifest["status"].get("initContainerStatuses", []) + manifest["status"].get("containerStatuses", [])
        return not any(each["name"] == container and "terminated" in each["state"] for each in states)

    def follow(self) -> None:
        """Follow the apiserver's pods for ever."""
        while True:
            try:
                listed = self._api.get(_PODS)
                self._replace(listed["items"])
                version = listed["metadata"]["resourceVersion"]
                for kind, manifest in self._api.watch(_PODS, version):
                    if kind == "ERROR":
                        break
                    if kind != "BOOKMARK":
                        self._changed(kind, manifest)
            except ApiError as error:
                if error.code != _GONE:
                    print(f"watching pods: {error}", file=sys.stderr, flush=True)
            except OSError as error:
                print(f"watching pods: {error}", file=sys.stderr, flush=True)
            time.sleep(0.2)

    def _replace(self, manifests: list[Object]) -> None:
        there = {manifest["metadata"]["uid"] for manifest in manifests}
        for uid in set(self._pods) - there:
            self._pods.pop(uid).kill()
        for manifest in manifests:
            self._changed("MODIFIED", manifest)

    def _changed(self, kind: str, manifest: Object) -> None:
        metadata = manifest["metadata"]
        uid, place = metadata["uid"], (metadata["namespace"], metadata["name"])
        pod = self._pods.get(uid)
        if kind == "DELETED":
            self._manifests.pop(place, None)
            if self._pods.pop(uid, None) is not None and pod is not None:
                threading.Thread(target=pod.kill, daemon=True).start()
            return
        self._manifests[place] = manifest
        if metadata.get("deletionTimestamp"):
            self._delete(pod, manifest)
        elif pod is None and manifest["status"].get("phase") == "Pending":
            self._pods[uid] = Pod(self._api, self._settings, manifest)
            threading.Thread(target=self._pods[uid].run, daemon=True).start()

    def _delete(self, pod: Pod | None, manifest: Object) -> None:
        metadata = manifest["metadata"]
        if pod is not None:
            grace = metadata.get("deletionGracePeriodSeconds") or 0
            threading.Thread(target=pod.delete, args=(grace,), daemon=True).start()
        else:
            path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
            self._api.delete(path, grace_seconds=0, uid=metadata["uid"])


def main(file: str) -> None:
    """Play the node."""
    settings = KubeletSettings.read(Path(file))
    names.begin(Folder(Path(settings.folder)).hosts)
    node = Node(settings)
    logs.serve(settings, node.running)
    node.register()
    node.follow()


if __name__ == "__main__":
    main(sys.argv[1])
