"""Running workflows of a preview stack's flows on Argo, ended before their service accounts and objects go."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.clouds.kubernetes import Cluster
from flowinfra.engine.tokens import WORKFLOW_TEMPLATE
from flowinfra.errors import ClusterError, ToolError
from flowinfra.report.words import count

GONE_CLUSTERS = "PULUMI_K8S_DELETE_UNREACHABLE"
"""Pulumi's own variable: `true` takes what is in a cluster that is gone out of the state."""

PATIENCE = 120
"""Seconds for workflows to end: Kubernetes gives a container 30 by default."""
_PAUSE = 1.0
"""Seconds between two looks."""

_PROVIDER = "pulumi:providers:kubernetes"
_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105  (the key by which Pulumi marks one in a state)


@dataclass(frozen=True)
class Place:
    """A namespace of a cluster."""

    kubeconfig: str | None
    """Kubeconfig of the stack's provider: path or text; None for KUBECONFIG or ~/.kube/config."""
    context: str | None
    namespace: str


def templates(resources: Iterable[Mapping[str, Any]]) -> dict[Place, list[str]]:
    """Where a state has WorkflowTemplates, and their names. Pure.

    Args:
        resources: of the state, secrets in plain text: a kubeconfig may be one.
    """
    listed = list(resources)
    providers = {f"{item['urn']}::{item['id']}": item.get("inputs", {}) for item in listed if item["type"] == _PROVIDER}
    found: dict[Place, list[str]] = {}
    for item in listed:
        if item["type"] == WORKFLOW_TEMPLATE:
            provider, metadata = providers.get(str(item.get("provider")), {}), item["inputs"]["metadata"]
            place = Place(_plain(provider.get("kubeconfig")), _plain(provider.get("context")), metadata["namespace"])
            found.setdefault(place, []).append(metadata["name"])
    return found


def has_templates(resources: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a state has WorkflowTemplates."""
    return any(item["type"] == WORKFLOW_TEMPLATE for item in resources)


def stop_workflows(
    found: Mapping[Place, list[str]],
    tell: Callable[[str], None],
    connect: Callable[[str | None, str | None], Cluster] = Cluster,
    patience: float = PATIENCE,
) -> int:
    """End all running workflows of these templates, and wait until they have ended; says how many there were.

    Args:
        found: where, and of which templates (`templates`).
        tell: shows a line to whoever waits.
        connect: to a cluster, by kubeconfig and context.
        patience: seconds to wait for the workflows of a namespace.

    Raises:
        ClusterError: the cluster cannot be asked, or one may not; nothing was removed.
        ToolError: workflows go on.
    """
    stopped = 0
    for place, names in found.items():
        try:
            stopped += _stop(connect(place.kubeconfig, place.context), place.namespace, names, tell, patience)
        except ClusterError as error:
            raise ClusterError(
                f"{error}\nRunning workflows of {', '.join(names)} in namespace {place.namespace!r} were not all "
                "stopped, and nothing was removed; run the same command again. If the cluster is gone for good: with "
                f"{GONE_CLUSTERS}=true in the environment"
            ) from None
    return stopped


def _stop(cluster: Cluster, namespace: str, names: list[str], tell: Callable[[str], None], patience: float) -> int:
    told: set[str] = set()
    end = time.monotonic() + patience
    while running := cluster.running_workflows(namespace, names):
        # an event may have started another one meanwhile
        if new := [workflow for workflow in running if workflow not in told]:
            tell(f"Stopping {count(len(new), 'running workflow')} in namespace {namespace} …")
        for workflow in new:
            cluster.terminate(namespace, workflow)
            told.add(workflow)
        if time.monotonic() >= end:
            raise ToolError(
                f"{count(len(running), 'workflow')} in namespace {namespace!r} still ran {patience:g} seconds after "
                f"they had been asked to end: {', '.join(sorted(running))}; nothing was removed. Is Argo's workflow "
                "controller running? Run the same command again, or delete them first (`argo delete`)"
            )
        time.sleep(_PAUSE)
    return len(told)


def _plain(value: Any) -> str | None:
    """A provider's setting, also where it is a secret."""
    if isinstance(value, Mapping) and _SECRET in value:
        value = json.loads(value["plaintext"])
    return value if isinstance(value, str) and value else None
