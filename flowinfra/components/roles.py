"""A role of the flow's own, with what it may do."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from flowinfra.components.creation import Making
from flowinfra.components.iam_delay import noted
from flowinfra.components.prepare import P, S


def own_role(
    making: Making[P, S],
    kind: str,
    trust: pulumi.Input[str],
    policy: pulumi.Input[str],
    boundary: pulumi.Input[str] | None,
    managed: Sequence[pulumi.Input[str]] = (),
) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """Make a role, and its policies.

    Args:
        making: whose it is.
        kind: what it is for, in a word.
        trust: the document that says who may take it on.
        policy: the document that says what it may do.
        boundary: ARN of the policy that bounds it.
        managed: ARNs of managed policies beside.
    """
    plan, name = making.plan, f"{making.name}-{kind}-role"
    # IAM needs time for each of them
    child = pulumi.ResourceOptions.merge(making.child, noted())
    role = aws.iam.Role(
        name,
        name_prefix=plan.names.role_prefix(kind),
        description=f"Metaflow flow {plan.name}: {kind}",
        assume_role_policy=trust,
        permissions_boundary=boundary,
        tags=plan.tags,
        opts=child,
    )
    inline = aws.iam.RolePolicy(f"{name}-policy", name="flow", role=role.name, policy=policy, opts=child)
    attached = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{arn.rsplit('/', 1)[-1] if isinstance(arn, str) else f'policy-{index}'}",
            role=role.name,
            policy_arn=arn,
            opts=child,
        )
        for index, arn in enumerate(managed)
    ]
    return role, [role, inline, *attached]
