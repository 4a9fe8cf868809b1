"""An IAM role for the pods of each flow in an EKS cluster, by one of EKS's two ways from a service account to a role.

EKS Pod Identity    `cluster`: an association of namespace and service account with the role; an agent on each node
hands out credentials (https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html)
IRSA                `oidc_provider`: the service account names the role, which trusts the cluster's OIDC provider
(https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi

from flowinfra.components.iam import Policy, document, policy_problems, policy_warnings, tasks_policy
from flowinfra.components.later import is_output
from flowinfra.components.plan import Plan
from flowinfra.components.site import AwsSite
from flowinfra.errors import ConfigError, FlowInfraError
from flowinfra.stack.platform import CLUSTER_NAME, OIDC_PROVIDER

PODS = "pods"
"""What the role is for."""
_KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
"""Stands for a key that is being made."""
ROLE_ARN = "eks.amazonaws.com/role-arn"
"""Annotation of a service account: the role of its pods (IRSA)."""


@dataclass(frozen=True)
class PodRoles:
    """A role for the pods of each flow, with only what its tasks need: give `cluster` or `oidc_provider`."""

    cluster: pulumi.Input[str] | None = None
    """Name of the EKS cluster, which has the add-on EKS Pod Identity Agent."""
    oidc_provider: pulumi.Input[str] | None = None
    """ARN of IAM's OIDC provider of the EKS cluster (IRSA)."""
    region: str | None = None
    """Region of the cluster and of secrets. None: that of `aws:region`, or of the provider."""
    account: str | None = None
    """Id of the AWS account. None: the account that deploys, which is asked for once."""
    partition: str = "aws"
    """Partition of AWS: `aws`, `aws-cn` or `aws-us-gov`."""
    permissions_boundary: pulumi.Input[str] | None = None
    """ARN of a policy that bounds the roles."""
    job_policies: Sequence[pulumi.Input[str]] = ()
    """ARNs of managed policies for the pods of every flow, beside what flowinfra grants them."""
    kms_keys: Sequence[pulumi.Input[str]] = ()
    """ARNs of customer managed keys that bucket or secrets are encrypted with."""

    @property
    def shown(self) -> dict[str, Any]:
        """How the flow in human terms says it."""
        given = {"cluster": self.cluster, "oidc_provider": self.oidc_provider}
        return {key: value for key, value in given.items() if value is not None}


class Site(Protocol):
    """The part of a platform's identity that roles need."""

    @property
    def bucket(self) -> str:
        """Name of the datastore's bucket."""

    @property
    def prefix(self) -> str:
        """Prefix of the datastore in the bucket."""

    @property
    def namespace(self) -> str:
        """Namespace of the pods."""


class PodPlatform(Protocol):
    """A platform that may have roles for pods."""

    @property
    def pod_roles(self) -> PodRoles | None:
        """None: the platform's service account, or what it names, decides."""

    @property
    def datastore(self) -> str:
        """Metaflow's."""


def role_problems(
    plan: Plan[Any], platform: PodPlatform, site: Site, given: Mapping[str, Any]
) -> Iterator[FlowInfraError]:
    """What does not go together, or what IAM would refuse; `given`: keys of the platform that say another account."""
    roles = platform.pod_roles
    if roles is None:
        return
    who = plan.name
    if len(roles.shown) != 1:
        yield ConfigError(
            f"{who}: pod_roles: found {', '.join(roles.shown) or 'nothing'}, allowed: one of cluster, oidc_provider"
        )
    for key, pattern, words in (
        ("cluster", CLUSTER_NAME, "the name of an EKS cluster: 1 to 100 letters, digits, `-` and `_`"),
        ("oidc_provider", OIDC_PROVIDER, "the ARN of an OIDC provider: arn:aws:iam::ACCOUNT:oidc-provider/HOST/id/ID"),
    ):
        value = roles.shown.get(key)
        if value is not None and not is_output(value) and not re.fullmatch(pattern, str(value)):
            yield ConfigError(f"{who}: pod_roles.{key} is {value!r}, allowed: {words}")
    for key, value in given.items():
        if value is not None:
            yield ConfigError(
                f"{who}: the platform has both pod_roles, a role for each flow, and {key}, one for all of them; give "
                "one of both"
            )
    if platform.datastore != "s3":
        yield ConfigError(
            f"{who}: pod_roles are roles of AWS for the datastore in S3, and the datastore is {platform.datastore!r}; "
            "leave them out, and give the flows a `service_account`"
        )
    keys = [key if isinstance(key, str) else _KEY for key in roles.kms_keys]
    yield from policy_problems(who, PODS, pods_policy(plan, roles, site, keys))


def role_warnings(plan: Plan[Any], platform: PodPlatform) -> Iterator[str]:
    """What a role of the flow's own may run into."""
    if platform.pod_roles is not None:
        yield from plan.unread
        yield from policy_warnings(plan.name, PODS, platform.pod_roles.job_policies)


def trust_policy(namespace: str, service_account: str, oidc_provider: str | None, cluster: str | None) -> Policy:
    """Lets pods of one service account in one namespace of one cluster take on a role, and nobody else."""
    if oidc_provider is not None:
        issuer = oidc_provider.partition(":oidc-provider/")[2]
        return document(
            {
                "Effect": "Allow",
                "Principal": {"Federated": oidc_provider},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        f"{issuer}:aud": "sts.amazonaws.com",
                        f"{issuer}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                    }
                },
            }
        )
    # the tags that EKS gives each session: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {
                    "aws:RequestTag/eks-cluster-name": cluster,
                    "aws:RequestTag/kubernetes-namespace": namespace,
                    "aws:RequestTag/kubernetes-service-account": service_account,
                }
            },
        }
    )


def pods_policy(plan: Plan[Any], roles: PodRoles, site: Site, kms_keys: Sequence[str]) -> Policy:
    """What the pods of a flow may do; `kms_keys`: the ones of `roles`, known."""
    account = AwsSite(roles.partition, roles.region or "", roles.account or "", site.bucket, site.prefix)
    return tasks_policy(plan.compiled, account, plan.reads, kms_keys)
