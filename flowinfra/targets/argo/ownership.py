"""Refuses an object of a flow on Argo where the cluster has somebody else's of that name.

Pulumi's Kubernetes provider would take it over without a word, and delete it with the stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from flowinfra.components.creation import Making
from flowinfra.components.ownership import LABELS, before_create, in_thread, refuse
from flowinfra.components.preview_cluster import named_cluster, warn_once
from flowinfra.errors import ClusterError
from flowinfra.targets.argo.plan import ArgoPlan
from flowinfra.targets.argo.platform import KubernetesPlatform

PRODUCTION = "metaflow/production_token"
_STARTERS = ("CronWorkflow", "Sensor")
_WORKFLOW_TEMPLATE = ("argoproj.io/v1alpha1", "WorkflowTemplate")


def not_taken(making: Making[ArgoPlan, KubernetesPlatform]) -> pulumi.ResourceHookBinding | None:
    """The hook for all objects of a flow; None where the cluster is not to be asked, and for Pulumi's mocks."""

    async def look(inputs: Mapping[str, Any]) -> None:
        await in_thread(look_in_cluster, making.plan, inputs)

    return before_create(making.name, look) if making.platform.check_cluster else None


def look_in_cluster(plan: ArgoPlan, inputs: Mapping[str, Any]) -> None:
    """Raise ConfigError where the cluster has an object of that name without this stack's labels or token.

    A cluster that cannot be asked is a ClusterError of `up`, and a warning of a preview.
    """
    metadata, kind = inputs["metadata"], inputs["kind"]
    namespace, name = metadata.get("namespace"), metadata.get("name")
    if not isinstance(namespace, str) or not isinstance(name, str):
        return  # it is being made; `up` looks again
    try:
        cluster = named_cluster()
        there = cluster.of_that_name(inputs["apiVersion"], kind, namespace, name)
        # what somebody who may has deployed by hand: the template alone tells whose it is
        marked = cluster.of_that_name(*_WORKFLOW_TEMPLATE, namespace, name) if there and kind in _STARTERS else there
    except ClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        warn_once(f"{error}. Whether the cluster has objects of somebody else's is not checked by this preview")
        return
    if there is None or (marked and marked.annotations.get(PRODUCTION) == plan.token):
        return
    remove = f"kubectl delete {kind.lower()} -n {namespace} {name}"
    refuse(f"{kind} {namespace}/{name}", there.labels, plan.names.labels, LABELS, remove, "another `namespace`")
