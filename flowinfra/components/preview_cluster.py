"""The cluster that a preview asks, and what it warns of: once for all flows of a program, whatever their target."""

from __future__ import annotations

from functools import cache

import pulumi

from flowinfra.clouds.kubernetes import Cluster


def named_cluster() -> Cluster:
    """The cluster that Pulumi's configuration names.

    Raises:
        ClusterError: it is not known.
    """
    config = pulumi.Config("kubernetes")
    return _connected(config.get("kubeconfig"), config.get("context"))


@cache
def warn_once(message: str) -> None:
    """Warn, unless another flow has caused the same words."""
    pulumi.log.warn(message)


@cache
def _connected(kubeconfig: str | None, context: str | None) -> Cluster:
    return Cluster(kubeconfig, context)
