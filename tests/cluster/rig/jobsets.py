"""JobSet's controller: a program beside the apiserver, where its release runs it in a pod.

Its webhooks for JobSets, without whose defaults it cannot work, have the cluster's own certificate and are called on
loopback. Those for pods are left out: they act on exclusive placement alone, and there is one node.
"""

from __future__ import annotations

import base64
import time

import requests
import yaml

from tests.cluster.rig.api import Api
from tests.cluster.rig.controllers import documents, wait_for_condition
from tests.cluster.rig.settings import Folder
from tools.bootstrap.cluster import JOBSET

_WEBHOOKS_PORT = 9443
_HEALTH = "127.0.0.1:9440"
_PATIENCE = 180


def define(api: Api) -> None:
    """Put the definition of a JobSet into the cluster; wait until it is served."""
    [definition] = documents(JOBSET.manifest("jobsets.yaml"))
    # Not by server-side apply: it takes long for an object of this size.
    api.create(definition)
    wait_for_condition(api, api.path(definition), "Established")


def configure(folder: Folder) -> list[str]:
    """Write what the controller reads; its options."""
    folder.jobset.mkdir()
    for ending in ("crt", "key"):
        (folder.jobset / f"tls.{ending}").symlink_to(folder.certificates / f"server.{ending}")
    configuration = {
        "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "internalCertManagement": {"enable": False},
        "leaderElection": {"leaderElect": False},
        "metrics": {"bindAddress": "0"},
        "health": {"healthProbeBindAddress": _HEALTH},
        "webhook": {"host": "127.0.0.1", "port": _WEBHOOKS_PORT, "certDir": str(folder.jobset)},
    }
    file = folder.jobset / "configuration.yaml"
    file.write_text(yaml.safe_dump(configuration))
    return [f"--config={file}", f"--kubeconfig={folder.kubeconfig}"]


def install(api: Api, folder: Folder) -> None:
    """Have the apiserver call the webhooks; from then on JobSets can be made once `wait_until_ready` returns."""
    authority = base64.b64encode((folder.certificates / "ca.crt").read_bytes()).decode()
    for document in documents(JOBSET.manifest("webhooks.yaml")):
        document["webhooks"] = [each for each in document["webhooks"] if "jobset" in each["name"]]
        for each in document["webhooks"]:
            path = each["clientConfig"]["service"]["path"]
            url = f"https://127.0.0.1:{_WEBHOOKS_PORT}{path}"
            each["clientConfig"] = {"url": url, "caBundle": authority}
        api.apply(document)


def wait_until_ready() -> None:
    """Wait until the controller answers."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            if requests.get(f"http://{_HEALTH}/readyz", timeout=5).ok:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"JobSet's controller is not ready after {_PATIENCE} s; see jobset-controller.log")
        time.sleep(0.1)
