"""A cluster as tests see it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flowinfra.local import control, run
from flowinfra.local.environment import environment
from flowinfra.local.state import HOME_VARIABLE, Instance, State
from tests.cluster.rig import network
from tests.cluster.rig.api import Api, Object
from tests.cluster.rig.controllers import wait_for_condition
from tests.cluster.rig.settings import BARE, OLDER, ROOT, Folder
from tests.e2e.support import Done, command
from tools.bootstrap.cluster import programs

PATIENCE = 600.0
"""Seconds after which a test gives up waiting; nothing asserts how long anything takes."""
SERVICE_ACCOUNT = "flows"
"""In every namespace of `Cluster.namespace`: may do what Argo's executor and Metaflow's tasks need."""
_START_SECONDS = 240.0
_STOP_SECONDS = 30.0
_LOG_LINES = 15
_NAMESPACES = ("--net", "--pid", "--mount", "--propagation", "private", "--fork", "--kill-child", "--mount-proc")
_ACCOUNT_RULES = [
    {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]},
    {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create", "get", "list", "watch"]},
    {"apiGroups": ["argoproj.io"], "resources": ["workflowtemplates"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "watch"]},
]


def provider_folder() -> Path:
    """Where Pulumi's Kubernetes provider is: first on PATH, Pulumi takes that one."""
    return programs()["pulumi-resource-kubernetes"].parent


class ClusterError(Exception):
    """The cluster did not start."""


class Cluster:
    """A running cluster with an embedded AWS, in a network of its own.

    Only from inside of that network can they be reached: `with cluster.inside(): …`. The fixture `cluster` has
    entered it for the whole of tests/cluster, so tests, and the commands that they run, need not care.
    """

    def __init__(self, root: Path, *, bare: bool = False, older: bool = False) -> None:
        """Start a cluster; its files are in `root`, which must not exist yet. ClusterError if it does not start.

        A bare one keeps objects, as all the definitions allow them, and nothing acts on them: no controllers, no node.
        An `older` one has the older release of Argo Workflows.
        """
        root.mkdir(parents=True)
        self.folder = Folder(root)
        self._outside = network.own()
        words = [sys.executable, "-m", "tests.cluster.rig.supervisor", str(root)]
        words += [option for option, wanted in ((BARE, bare), (OLDER, older)) if wanted]
        with (root / "supervisor.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", *_NAMESPACES, *words],
                cwd=ROOT,
                env=_plain(os.environ),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._await_start()
            self.state = State(self.folder.aws)
            self.instance: Instance = control.require(self.state)
            self.api = Api.from_kubeconfig(self.folder.kubeconfig)
        except BaseException:
            self.stop()
            raise

    def _await_start(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self.folder.ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder.root / "supervisor.log").read_text(errors="replace")
                words = "\n  ".join(log.splitlines()[-_LOG_LINES:])
                raise ClusterError(f"The cluster did not start (logs are in {self.folder.logs}):\n  {words}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End it, and with it every process in it."""
        os.close(self._outside)
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # --kill-child: the namespace's first process goes with this one.
            self._process.kill()
            self._process.wait()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread, and the processes and threads that it starts, use the cluster's network."""
        with network.inside(Path(f"/proc/{self._process.pid}/ns/net")):
            yield

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Let this thread, and what it starts, use the network from which the cluster was started."""
        with network.inside(Path(f"/proc/self/fd/{self._outside}")):
            yield

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder.kubeconfig

    @property
    def environment(self) -> dict[str, str]:
        """Variables for commands: those of `flowinfra local exec`, KUBECONFIG, and `argo` and Pulumi's Kubernetes
        provider on PATH. The datastore is the embedded AWS's, as pods have it too.
        """
        found = environment(self.instance, self.state, {**os.environ, HOME_VARIABLE: str(self.state.root)})
        folders = [str(provider_folder()), found["PATH"], str(programs()["argo"].parent)]
        return {
            **found,
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": os.pathsep.join(folders),
        }

    def variables(self, namespace: str) -> dict[str, str]:
        """`environment`, with Metaflow's settings for a namespace."""
        return {
            **self.environment,
            "METAFLOW_KUBERNETES_NAMESPACE": namespace,
            "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": SERVICE_ACCOUNT,
        }

    def run(self, words: Sequence[str | Path], cwd: Path, **variables: str) -> Done:
        """Run a command to its end in `environment` and the given variables."""
        return command(words, {**self.environment, **variables}, cwd)

    def client(self, service: str) -> Any:
        """A boto3 client of the embedded AWS."""
        return run.client(self.instance, service)

    def namespace(self, prefix: str = "test") -> str:
        """Make a namespace that no other test uses, with `SERVICE_ACCOUNT` in it; its name."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        group = "rbac.authorization.k8s.io"
        subject = {"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": name}
        manifests: list[Object] = [
            {"apiVersion": "v1", "kind": "ServiceAccount"},
            {"apiVersion": f"{group}/v1", "kind": "Role", "rules": _ACCOUNT_RULES},
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "roleRef": {"apiGroup": group, "kind": "Role", "name": SERVICE_ACCOUNT},
                "subjects": [subject],
            },
        ]
        for manifest in manifests:
            self.api.create({**manifest, "metadata": {"name": SERVICE_ACCOUNT}}, name)
        return name

    def event_bus(self, namespace: str) -> None:
        """Give a namespace the event bus that its event sources and sensors need: EventBus `default`.

        A NATS server in a pod, and an EventBus of type `jetstreamExotic` that names its address. The controller's own
        way (`jetstream`: three servers that find each other by DNS) cannot work here.
        """
        place = self.folder.certificates
        data = {name: (place / f"server.{name}").read_text() for name in ("crt", "key")}
        self.api.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "eventbus"}, "stringData": data}, namespace
        )
        options = ["-js", "-sd", "/data", "--tls", "--tlscert", "/keys/crt", "--tlskey", "/keys/key"]
        container = {
            "name": "nats",
            "image": "nats",
            "args": options,
            "ports": [{"containerPort": 4222}],
            "volumeMounts": [{"name": "keys", "mountPath": "/keys"}, {"name": "data", "mountPath": "/data"}],
        }
        volumes = [{"name": "keys", "secret": {"secretName": "eventbus"}}, {"name": "data", "emptyDir": {}}]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "eventbus"},
            "spec": {"containers": [container], "volumes": volumes},
        }
        self.api.create(pod, namespace)
        address = self.running_pod(namespace, "eventbus")["status"]["podIP"]
        stream = "maxmsgs: -1\nmaxage: 72h\nmaxbytes: 100MB\nreplicas: 1\nduplicates: 300s\n"
        bus = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "EventBus",
            "metadata": {"name": "default"},
            "spec": {"jetstreamExotic": {"url": f"nats://{address}:4222", "streamConfig": stream}},
        }
        self.api.create(bus, namespace)

    def running_pod(self, namespace: str, name: str) -> Object:
        """Wait until a pod is ready; the pod."""
        return wait_for_condition(self.api, f"/api/v1/namespaces/{namespace}/pods/{name}", "Ready")

    def ready_pod(self, namespace: str, labels: Mapping[str, str]) -> Object:
        """Wait until the only pod with these labels is ready; the pod."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())

        def found() -> Object | None:
            pods = self.api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
            return pods[0] if pods else None

        pod: Object = self.wait_for(found, f"a pod with {selector}")
        return self.running_pod(namespace, pod["metadata"]["name"])

    def submit(self, namespace: str, template: str, **parameters: str) -> str:
        """Start a workflow of a template; its name."""
        values = [{"name": name, "value": value} for name, value in parameters.items()]
        workflow = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"generateName": f"{template}-"},
            "spec": {"workflowTemplateRef": {"name": template}, "arguments": {"parameters": values}},
        }
        return str(self.api.create(workflow, namespace)["metadata"]["name"])

    def workflows(self, namespace: str, **labels: str) -> list[Object]:
        """The workflows of a namespace, oldest first."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items()) or None
        found = self.api.items(f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows", labelSelector=selector)
        return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def ended(self, namespace: str, name: str, phase: str = "Succeeded") -> Object:
        """Wait until a workflow ends; the workflow. Fails the test, with what went on, if not in that phase."""
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows/{name}"

        def finished() -> Object | None:
            found: Object = self.api.get(path)
            return found if found.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error") else None

        try:
            workflow: Object = self.wait_for(finished, f"the end of workflow {name}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.told(namespace)}") from None
        assert workflow["status"]["phase"] == phase, self.told(namespace)
        return workflow

    def wait_for(self, done: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        """Wait until `done` answers with something true; return that. Fails the test after `patience` seconds."""
        deadline = time.monotonic() + patience
        while not (answer := done()):
            assert time.monotonic() < deadline, f"waited {patience:.0f} s in vain for {what}"
            time.sleep(0.2)
        return answer

    def told(self, namespace: str) -> str:
        """What went on in a namespace: workflows, their nodes, warnings, and the ends of the pods' logs."""
        lines: list[str] = []
        for workflow in self.workflows(namespace):
            status = workflow.get("status", {})
            lines.append(f"workflow {workflow['metadata']['name']} {status.get('phase')}: {status.get('message', '')}")
            lines += [
                f"  {node['displayName']} ({node['type']}) {node.get('phase')}: {node.get('message', '')}"
                for node in (status.get("nodes") or {}).values()
            ]
        for event in self.api.items(f"/api/v1/namespaces/{namespace}/events"):
            if event["type"] != "Normal":
                lines.append(f"event {event['involvedObject'].get('name')}: {event.get('message', '')}")
        for log in sorted((self.folder.logs / "pods").glob(f"{namespace}_*/*.log")):
            lines.append(f"{log.parent.name}/{log.name}:")
            lines += [f"  {line}" for line in log.read_text(errors="replace").splitlines()[-_LOG_LINES:]]
        return "\n".join(lines)


def _plain(variables: Mapping[str, str]) -> dict[str, str]:
    """Without what leads to a real cluster or account."""
    return {name: value for name, value in variables.items() if not name.startswith(("KUBE", "AWS_", "METAFLOW_"))}
