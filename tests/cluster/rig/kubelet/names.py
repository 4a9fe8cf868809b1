"""Host names of pods, and the file by which containers find each other.

It plays cluster DNS for one kind of name alone, `<hostname>.<subdomain>.<namespace>.svc.cluster.local`: of pods that
have both and a headless service of that subdomain which selects them. All containers have one `/etc/hosts`, to which a
name is added when its pod starts. None is ever taken away, and the first pod of a name keeps it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.rig.api import Api, Object
from tests.cluster.rig.kubelet.variables import PodError

_HOSTS = Path("/etc/hosts")
_DOMAIN = "svc.cluster.local"
_LONGEST_LABEL = 63
_LONGEST_NODE_NAME = 64
_lock = threading.Lock()


@dataclass(frozen=True)
class Name:
    """What a pod is called."""

    host: str
    domain: str
    """Empty for a pod without a subdomain."""
    full: bool
    """Whether its containers see it with its domain."""

    @property
    def seen(self) -> str:
        """As containers see it. PodError where it is too long: kubelet makes no containers then."""
        if not (self.full and self.domain):
            return self.host
        name = f"{self.host}.{self.domain}"
        if len(name) > _LONGEST_NODE_NAME:
            raise PodError(
                f"failed to construct FQDN from pod hostname and cluster domain, FQDN {name} is too long "
                f"({_LONGEST_NODE_NAME} characters is the max, {len(name)} characters requested)"
            )
        return name


def name_of(pod: Object) -> Name:
    """The name of a pod."""
    metadata, spec = pod["metadata"], pod["spec"]
    host = (spec.get("hostname") or metadata["name"])[:_LONGEST_LABEL].rstrip("-.")
    subdomain = spec.get("subdomain")
    domain = f"{subdomain}.{metadata['namespace']}.{_DOMAIN}" if subdomain else ""
    return Name(host, domain, bool(spec.get("setHostnameAsFQDN")))


def begin(file: Path) -> None:
    """Make the containers' file, with what this machine's own has."""
    file.write_text(_HOSTS.read_text() if _HOSTS.exists() else "127.0.0.1 localhost\n")


def publish(api: Api, file: Path, pod: Object, address: str) -> None:
    """Add a pod's name to the containers' file, where cluster DNS would have it."""
    name = name_of(pod)
    if pod["spec"].get("hostname") and name.domain and _selected(api, pod):
        # Appended and never replaced: containers have this very file mounted, and may be reading it.
        with _lock, file.open("a") as hosts:
            hosts.write(f"{address} {name.host}.{name.domain}\n")


def _selected(api: Api, pod: Object) -> bool:
    """Whether a headless service of the pod's subdomain has it."""
    place = f"/api/v1/namespaces/{pod['metadata']['namespace']}/services/{pod['spec']['subdomain']}"
    service = (api.find(place) or {"spec": {}})["spec"]
    selector = service.get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    return service.get("clusterIP") == "None" and bool(selector) and selector.items() <= labels.items()
