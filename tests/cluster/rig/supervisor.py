"""`python -m tests.cluster.rig.supervisor FOLDER [OPTIONS]`: the first process of the cluster's namespaces.

Starts everything (with --bare what keeps objects, and nothing that acts on them), says so by a file, and ends when its
standard input does: so when the process that started it has gone, however that ended. The kernel then ends all that is
in the namespace.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from flowinfra.local import bytecode, control, forks, identity
from flowinfra.local.state import Instance, State
from tests.cluster.rig import certificates, controllers, jobsets
from tests.cluster.rig.api import Api
from tests.cluster.rig.settings import (
    API_PORT,
    BARE,
    BRIDGE,
    ETCD_URL,
    KUBELET_PORT,
    LOGS_PORT,
    NODE_ADDRESS,
    OLDER,
    ROOT,
    SERVER,
    SERVICE_RANGE,
    Folder,
    KubeletSettings,
)
from tests.tasks import LEAN
from tools.bootstrap.cluster import ARGO_WORKFLOWS, OLDER_ARGO_WORKFLOWS, Release, programs

_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "deployment-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
)
_IN_CONTAINERS = ("argo", "argo-events", "argoexec", "nats-server", "workflow-controller")
_MICROMAMBA = ROOT / "tests" / "stand_ins" / "micromamba"
"""As an image for @conda and @pypi has the real one."""
_PATIENCE = 120


class Supervisor:
    """Starts the programs of a cluster."""

    def __init__(self, folder: Folder, bare: bool, argo: Release) -> None:
        self._folder, self._bare, self._argo = folder, bare, argo
        self._programs = programs(argo)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start all, in the order in which they need each other."""
        self._folder.logs.mkdir(parents=True)
        self._folder.pods.mkdir()
        # Out of sight and gone with the namespace; an overlay's upper layer cannot be on another overlay.
        _command("mount", "-t", "tmpfs", "tmpfs", str(self._folder.pods))
        _network()
        certificates.make(self._folder)
        self._etcd()
        self._apiserver()
        with ThreadPoolExecutor(1) as other:
            aws = other.submit(control.start, State(self._folder.aws), control.Options(port=0, call_log=True))
            api = Api.from_kubeconfig(self._folder.kubeconfig)
            self._await(api)
            if not self._bare:
                self._controller_manager()
            controllers.install(api, self._argo, definitions_only=self._bare)
            jobsets.define(api)
            instance, _ = aws.result()
        if not self._bare:
            self._jobset_controller()
            jobsets.install(api, self._folder)
            self._kubelet(instance)
            controllers.wait_until_available(api)
            jobsets.wait_until_ready()
        self._folder.ready.touch()

    def _spawn(self, name: str, words: list[str], environment: Mapping[str, str] | None = None) -> None:
        with (self._folder.logs / f"{name}.log").open("wb") as log:
            self._children[name] = subprocess.Popen(
                words,
                cwd=ROOT,
                env=None if environment is None else {**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _etcd(self) -> None:
        # No fsync: nothing here outlives a crash.
        options = {
            "data-dir": str(self._folder.root / "etcd"),
            "listen-client-urls": ETCD_URL,
            "advertise-client-urls": ETCD_URL,
            "listen-peer-urls": "http://127.0.0.1:2380",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }
        self._spawn("etcd", [str(self._programs["etcd"]), *(f"--{key}={value}" for key, value in options.items())])

    def _apiserver(self) -> None:
        place = self._folder.certificates
        options = {
            "etcd-servers": ETCD_URL,
            "bind-address": "0.0.0.0",
            "advertise-address": NODE_ADDRESS,
            "secure-port": API_PORT,
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": SERVICE_RANGE,
            "allow-privileged": "true",
            "authorization-mode": "RBAC",
            "tls-cert-file": place / "server.crt",
            "tls-private-key-file": place / "server.key",
            "token-auth-file": place / "tokens.csv",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": place / "accounts.pub",
            "service-account-signing-key-file": place / "accounts.key",
            "kubelet-preferred-address-types": "InternalIP",
            "kubelet-certificate-authority": place / "ca.crt",
        }
        words = [str(self._programs["kube-apiserver"]), *(f"--{key}={value}" for key, value in options.items())]
        self._spawn("kube-apiserver", words)

    def _await(self, api: Api) -> None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            for name, child in self._children.items():
                if child.poll() is not None:
                    raise RuntimeError(f"{name} ended with code {child.returncode}; see {name}.log")
            try:
                ready = requests.get(f"{SERVER}/readyz", verify=str(self._folder.certificates / "ca.crt"), timeout=5)
                if ready.ok and api.find("/api/v1/namespaces/default") is not None:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"the apiserver is not ready after {_PATIENCE} s; see kube-apiserver.log")
            time.sleep(0.1)

    def _controller_manager(self) -> None:
        place = self._folder.certificates
        options = {
            "kubeconfig": self._folder.kubeconfig,
            "leader-elect": "false",
            "controllers": ",".join(_CONTROLLERS),
            "service-account-private-key-file": place / "accounts.key",
            "root-ca-file": place / "ca.crt",
            "secure-port": 0,
        }
        words = [str(self._programs["kube-controller-manager"])]
        self._spawn("kube-controller-manager", words + [f"--{key}={value}" for key, value in options.items()])

    def _jobset_controller(self) -> None:
        words = [str(self._programs["jobset-controller"]), *jobsets.configure(self._folder)]
        self._spawn("jobset-controller", words)

    def _kubelet(self, instance: Instance) -> None:
        trees = self._folder.aws / "bytecode"
        shared = bytecode.shared_folder()
        shared.mkdir(parents=True, exist_ok=True)
        interpreter = _interpreter_folders()
        KubeletSettings(
            folder=str(self._folder.root),
            kubeconfig=str(self._folder.kubeconfig),
            programs={**{name: str(self._programs[name]) for name in _IN_CONTAINERS}, "micromamba": str(_MICROMAMBA)},
            entrypoints=controllers.ENTRYPOINTS,
            visible=[*interpreter, str(State(self._folder.aws).bin)],
            writable=[str(trees), str(shared)],
            environment=_environment(instance, State(self._folder.aws).bin),
            bytecode=str(trees),
            shared_bytecode=str(shared),
            interpreter=interpreter,
        ).write(self._folder.kubelet)
        self._spawn("kubelet", [sys.executable, "-m", "tests.cluster.rig.kubelet", str(self._folder.kubelet)])
        place = self._folder.certificates
        words = [f"{NODE_ADDRESS}:{KUBELET_PORT}", str(place / "server.crt"), str(place / "server.key")]
        words += [str(self._folder.processes), f"http://127.0.0.1:{LOGS_PORT}"]
        self._spawn("node-server", [str(self._programs["node-server"]), *words])


def _environment(instance: Instance, python: Path) -> dict[str, str]:
    """What an image with Python and Metaflow's needs, and a node's role, would give; `python` has that of jobs."""
    return {
        "PATH": os.pathsep.join((str(python), str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin")),
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "KUBERNETES_SERVICE_HOST": NODE_ADDRESS,
        "KUBERNETES_SERVICE_PORT": str(API_PORT),
        "AWS_ACCESS_KEY_ID": identity.access_key("job", None),
        "AWS_SECRET_ACCESS_KEY": identity.SECRET_KEY,
        "AWS_ENDPOINT_URL": instance.endpoint,
        "AWS_REGION": identity.REGION,
        "AWS_DEFAULT_REGION": identity.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
        **LEAN,
        # of Argo's programs in Go, each of which lives for seconds: as in tests/conftest.py
        "GOGC": "400",
    }


def _interpreter_folders() -> list[str]:
    folders = [Path(sys.prefix), Path(sys.base_prefix), Path(forks.__file__).parent]
    return [str(folder) for folder in bytecode.outermost(folders) if folder != Path("/usr")]


def _network() -> None:
    _command("ip", "link", "set", "lo", "up")
    _command("ip", "link", "add", BRIDGE, "type", "bridge")
    _command("ip", "addr", "add", f"{NODE_ADDRESS}/16", "dev", BRIDGE)
    _command("ip", "link", "set", BRIDGE, "up")


def _command(*words: str) -> None:
    subprocess.run(words, check=True)


def _end_with_input() -> None:
    """End, and with this process all others of the namespace, when standard input ends."""
    sys.stdin.buffer.read()
    os._exit(0)


def main(folder: str, *options: str) -> None:
    """Run a cluster until standard input ends."""
    # What a test run's parent ignores, containers are to get. The first process of a namespace is not ended by it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    owner = threading.Thread(target=_end_with_input)
    owner.start()
    try:
        argo = OLDER_ARGO_WORKFLOWS if OLDER in options else ARGO_WORKFLOWS
        Supervisor(Folder(Path(folder)), bare=BARE in options, argo=argo).start()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    owner.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
