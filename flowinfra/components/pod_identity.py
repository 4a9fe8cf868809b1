"""Makes the role of a flow's pods in an EKS cluster, and ties it to their service account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import pulumi
import pulumi_aws as aws

from flowinfra.components import aws_identity
from flowinfra.components.creation import Making
from flowinfra.components.iam_delay import settled
from flowinfra.components.later import Later
from flowinfra.components.pod_roles import PODS, PodPlatform, PodRoles, pods_policy, trust_policy
from flowinfra.components.roles import own_role
from flowinfra.components.settings import together
from flowinfra.errors import ConfigError
from flowinfra.model.base import canonical_json
from flowinfra.stack.flow import FlowConfig

S = TypeVar("S", bound=PodPlatform)


def with_roles(label: str, config: FlowConfig, platform: S) -> S:
    """The platform with region and account of its roles known, and what the flow adds to them.

    Raises:
        ConfigError: `reads` or `job_policies` of a flow that gets no role of its own.
    """
    roles = platform.pod_roles
    if roles is None:
        for key in ("job_policies", "reads"):
            if getattr(config, key):
                raise ConfigError(
                    f"{label}: {key} is for a role of the flow's own: give the platform `pod_roles`, or leave it out"
                )
        return platform
    known = replace(
        roles,
        region=roles.region or aws_identity.region(),
        account=roles.account or aws_identity.account(),
        job_policies=tuple(dict.fromkeys((*roles.job_policies, *config.job_policies))),
    )
    return replace(platform, pod_roles=known)  # type: ignore[type-var]


def roles_later(platform: S, later: Later) -> S:
    """The platform with Outputs in place of what stands for them."""
    roles = platform.pod_roles
    if roles is None:
        return platform
    policies = tuple(map(later.text, roles.job_policies))
    return replace(platform, pod_roles=replace(roles, job_policies=policies))  # type: ignore[type-var]


def pod_role(
    making: Making[Any, Any], roles: PodRoles, service_account: str
) -> tuple[pulumi.Input[str], list[pulumi.Resource]]:
    """Make the role of a flow's pods; its ARN once it counts, and what whoever starts pods waits for.

    Args:
        making: whose it is.
        roles: of the platform.
        service_account: the flow's own, in the platform's namespace.
    """
    plan, platform = making.plan, making.platform
    site = pulumi.Output.from_input(platform.on_site(lambda site: site))
    provider = pulumi.Output.from_input(roles.oidc_provider)
    cluster = pulumi.Output.from_input(roles.cluster)
    trust: pulumi.Input[str] = pulumi.Output.all(site, provider, cluster).apply(
        lambda found: canonical_json(trust_policy(found[0].namespace, service_account, found[1], found[2]))
    )
    policy: pulumi.Input[str] = pulumi.Output.all(site, together(roles.kms_keys)).apply(
        lambda found: canonical_json(pods_policy(plan, roles, found[0], found[1]))
    )
    role, made = own_role(making, PODS, trust, policy, roles.permissions_boundary, roles.job_policies)
    written: pulumi.Input[str] = role.arn
    arn = settled(written, made)
    if roles.cluster is not None:
        made.append(
            aws.eks.PodIdentityAssociation(
                f"{making.name}-pod-identity",
                cluster_name=roles.cluster,
                namespace=site.apply(lambda site: site.namespace),
                service_account=service_account,
                role_arn=arn,
                tags=plan.tags,
                opts=making.options(depends_on=made),
            )
        )
    return arn, made
