"""Addresses, folders and names that both sides of the rig know."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NODE = "node"
NODE_ADDRESS = "10.244.0.1"
"""Of the node in the cluster's own network; pods that get an address get one in the same /16."""
BRIDGE = "pods"
API_PORT = 6443
KUBELET_PORT = 10250
"""Of the node's HTTPS endpoint (tools/kubernetes/node-server), which asks the stand-in at `LOGS_PORT` for logs."""
LOGS_PORT = 10249
ETCD_URL = "http://127.0.0.1:2379"
SERVER = f"https://127.0.0.1:{API_PORT}"
SERVICE_RANGE = "10.96.0.0/16"
WORKFLOWS_NAMESPACE = "argo"
EVENTS_NAMESPACE = "argo-events"
BARE = "--bare"
"""Option of the supervisor: etcd, the apiserver and the resource definitions, and nothing that acts on objects."""
OLDER = "--older-argo"
"""Option of the supervisor: the older release of Argo Workflows."""


@dataclass(frozen=True)
class Folder:
    """The folder of one cluster: all that it leaves on disk."""

    root: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.root / "kubeconfig"

    @property
    def certificates(self) -> Path:
        """Keys, certificates and tokens."""
        return self.root / "certificates"

    @property
    def logs(self) -> Path:
        """One file per program; `logs/pods/<namespace>_<pod>/<container>.log` for what runs in pods."""
        return self.root / "logs"

    @property
    def pods(self) -> Path:
        """Volumes and root file systems of pods, in memory: a tmpfs that only the cluster sees."""
        return self.root / "pods"

    @property
    def processes(self) -> Path:
        """`<namespace>_<pod>/<container>`: the process whose only child is the container's first one."""
        return self.root / "processes"

    @property
    def aws(self) -> Path:
        """State of the embedded AWS."""
        return self.root / "aws"

    @property
    def ready(self) -> Path:
        """There once the cluster is up."""
        return self.root / "ready"

    @property
    def hosts(self) -> Path:
        """The `/etc/hosts` of all containers."""
        return self.pods / "hosts"

    @property
    def jobset(self) -> Path:
        """What JobSet's controller reads."""
        return self.root / "jobset"

    @property
    def kubelet(self) -> Path:
        """Settings of the kubelet stand-in."""
        return self.root / "kubelet.json"


@dataclass(frozen=True)
class KubeletSettings:
    """What the kubelet stand-in needs to know."""

    folder: str
    kubeconfig: str
    programs: dict[str, str]
    """Name in /usr/local/bin of each container → file."""
    entrypoints: dict[str, list[str]]
    """Part of an image's name → what runs where a container has no command."""
    visible: list[str]
    """Folders of this machine that containers see, although they may be on another file system or below /tmp."""
    writable: list[str]
    """Those to which containers may write."""
    environment: dict[str, str]
    """Variables that every container has: what an image, or a node's role, would give."""
    bytecode: str
    """Folder for Python's byte code by code package; one of `writable`."""
    shared_bytecode: str
    interpreter: list[str]

    def write(self, path: Path) -> None:
        """Write the file that `read` reads."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> KubeletSettings:
        """Read what `write` wrote."""
        return cls(**json.loads(path.read_text()))
