"""What the program asks of each target's part: `step_functions.py`, `argo.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import pulumi

from flowinfra.components.platform import PlatformSettings
from flowinfra.components.pod_roles import PodRoles
from flowinfra.components.prepare import Prepared
from flowinfra.components.source import Deployment
from flowinfra.errors import FlowInfraError
from flowinfra.stack.compiling import StackFlow
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.platform import PlatformConfig, PodRolesConfig

Outputs = Mapping[str, Any]
"""Name → value, which may be an Output of Pulumi."""


class StackTarget(Protocol):
    """The flows of a stack that have one target; they are compiled."""

    def __init__(self, stack: StackConfig, deployment: Deployment) -> None: ...

    def same_names(self, flows: Mapping[str, StackFlow]) -> Iterable[FlowInfraError]:
        """Flows that would be one thing where they are deployed; `flows`: what messages call each → flow."""

    def check(self, label: str, flow: StackFlow) -> Prepared[Any, Any]:
        """The flow, ready to be deployed; raises everything that would be refused of it. Nothing is made."""

    def deploy(self, flow: Prepared[Any, Any], created: PlatformSettings | None, by: Mapping[str, Any]) -> Outputs:
        """Make the component of a flow that was checked, and give the stack's outputs for it.

        Args:
            flow: what `check` gave.
            created: a platform that the stack makes itself, which was not there for the checks.
            by: who brings the flow, from which commit.
        """

    def metaflow_config(self, created: PlatformSettings | None) -> pulumi.Input[dict[str, str]]:
        """METAFLOW_* settings with which a laptop reaches the flows."""


def datastore_bucket(stack: StackConfig, created: PlatformSettings | None) -> pulumi.Input[str]:
    """The bucket that flows of every target use; a stand-in for one that is made after the checks."""
    return created.bucket if created else stack.platform.bucket or "bucket-being-created-00000000"


def pod_roles(platform: PlatformConfig, config: PodRolesConfig | None) -> PodRoles | None:
    """How flows get a role each, where the stack says so; the rest is what the platform says of all roles."""
    if config is None:
        return None
    return PodRoles(
        cluster=config.cluster,
        oidc_provider=config.oidc_provider,
        region=platform.region,
        account=platform.account,
        partition=platform.partition,
        permissions_boundary=platform.permissions_boundary,
        job_policies=tuple(platform.job_policies),
        kms_keys=tuple(platform.kms_keys),
    )


@runtime_checkable
class CountsResources(Protocol):
    """A target whose flows together may come near a quota."""

    def warnings(self) -> Iterable[str]:
        """What all flows that were checked come near to."""
