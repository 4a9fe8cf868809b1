"""A Kubernetes object as a Pulumi resource, from the object itself.

Registered by its type's token: `pulumi_kubernetes` has a class for each built-in type whose import takes 2 seconds,
and would take the objects apart only to put them together again. The provider sees no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import pulumi

from flowinfra.engine.extras import missing
from flowinfra.errors import FlowInfraError

OWNED = {"pulumi.com/patchForce": "true"}
"""Annotation of an object: what somebody else changed in it is set back, and not reported as a conflict."""


def kubernetes_object(
    name: str, api_version: str, kind: str, body: Mapping[str, Any], opts: pulumi.ResourceOptions
) -> pulumi.CustomResource:
    """Register an object.

    Args:
        name: in Pulumi.
        api_version: `v1` or `group/version`.
        kind: as in the object.
        body: everything else of the object; values may be Outputs.
        opts: of the resource.
    """
    group = f"core/{api_version}" if "/" not in api_version else api_version
    properties = {"apiVersion": api_version, "kind": kind, **body}
    pinned = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(version=_provider_version()))
    return pulumi.CustomResource(f"kubernetes:{group}:{kind}", name, properties, pinned)


def extra_problems(target: str) -> list[FlowInfraError]:
    """Return the error for a Python without `flowinfra[kubernetes]`, worded once for all flows of a target."""
    error = missing("kubernetes", f"a deploy to {target}")
    return [error] if error else []


@cache
def _provider_version() -> str:
    return version("pulumi-kubernetes")
