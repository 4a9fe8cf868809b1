"""What Metaflow's commands are given for targets whose tasks are pods of Kubernetes.

A compile loads this module, so it knows no keys of a stack's file: those are in `kubernetes`.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowinfra.model.compiled import MARK
from flowinfra.model.shape import Shape

NAMESPACE = "METAFLOW_KUBERNETES_NAMESPACE"
SERVICE_ACCOUNT = "METAFLOW_KUBERNETES_SERVICE_ACCOUNT"
_IMAGE = "METAFLOW_KUBERNETES_CONTAINER_IMAGE"

GIVEN = frozenset(("kubernetes-namespace", "service-account"))
"""Placeholders that @kubernetes of a step holds."""
SHAPE_SETTINGS: Mapping[str, str] = {_IMAGE: "image"}
"""Settings that have a key of their own."""
DATASTORES = ("s3", "gs", "azure")
"""Metaflow's datastores that pods can use."""


def settings(shape: Shape) -> dict[str, str]:
    """Placeholders for where the pods run, and the image of steps that name none."""
    values = {NAMESPACE: f"{MARK}kubernetes-namespace", SERVICE_ACCOUNT: f"{MARK}service-account"}
    return {**values, _IMAGE: shape.default_image} if shape.default_image else values


def identity_settings(runner: str) -> dict[str, str]:
    """Settings that are a stack's identity → the platform's key that binds them.

    Args:
        runner: the platform's key for what runs the flows.
    """
    return {NAMESPACE: f"{runner}.namespace", SERVICE_ACCOUNT: f"{runner}.service_account"}
