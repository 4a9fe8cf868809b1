"""The policy of a flow's tasks, whatever runs them: least privilege, from what the compiled flow refers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flowinfra.components.plan import EVERY
from flowinfra.components.site import AwsSite
from flowinfra.errors import BindError
from flowinfra.model.base import canonical_json
from flowinfra.model.compiled import AWS_SECRETS, CompiledFlow, Secret

Policy = dict[str, Any]
"""A policy document."""

INLINE_POLICY_CHARACTERS = 10_240
MANAGED_POLICIES = 10
"""Managed policies per role (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


def tasks_policy(
    compiled: CompiledFlow,
    site: AwsSite,
    reads: Sequence[str] = (),
    kms_keys: Sequence[str] = (),
    more: Sequence[Policy] = (),
) -> Policy:
    """What the flow's tasks do: their artifacts, cards and data, and the secrets they name.

    Args:
        compiled: the flow.
        site: where it lives.
        reads: other flows whose part of the datastore they read, `EVERY` for all.
        kms_keys: ARNs of the customer's keys that bucket or secrets are encrypted with.
        more: statements of what runs the tasks.
    """
    statements = [
        allow(
            "Datastore",
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
            _parts(site, compiled.flow.name),
        ),
        # Without ListBucket a missing key is 403 instead of the 404 that Metaflow acts on, and a condition on
        # s3:prefix never holds for HeadObject: names of keys are readable, other flows' contents are not.
        allow("FindObjects", ["s3:ListBucket"], [f"arn:{site.partition}:s3:::{site.bucket}"]),
    ]
    if EVERY in reads:
        statements.append(allow("ReadFlows", ["s3:GetObject"], [site.objects("*")]))
    elif reads:
        others = sorted({part for other in reads for part in _parts(site, other)})
        statements.append(allow("ReadFlows", ["s3:GetObject"], others))
    if any(entry.kind == "environment" for entry in compiled.objects.values()):
        statements.append(allow("Environments", ["s3:GetObject"], [site.objects("conda/*")]))
    statements += more
    if secrets := secret_arns(compiled, site):
        statements.append(allow("Secrets", ["secretsmanager:GetSecretValue"], secrets))
    if roles := secret_roles(compiled):
        statements.append(allow("SecretsOfOthers", ["sts:AssumeRole"], roles))
    if kms_keys:
        statements.append(use_keys(kms_keys))
    return document(*statements)


def secret_arns(compiled: CompiledFlow, site: AwsSite) -> list[str]:
    """ARNs of the Secrets Manager secrets that the flow's tasks read under their own role."""
    setting = compiled.shape.settings.get("METAFLOW_AWS_SECRETS_MANAGER_DEFAULT_REGION")
    found = set()
    for secret in _aws_secrets(compiled):
        if secret.role is not None:
            continue
        if secret.id.startswith("arn:"):
            # The six characters that Secrets Manager appends may be left out of an ARN.
            found |= {secret.id, f"{secret.id}-??????"}
        else:
            found.add(site.arn("secretsmanager", f"secret:{secret.id}-??????", secret.region or setting))
    return sorted(found)


def secret_roles(compiled: CompiledFlow) -> list[str]:
    """ARNs of the roles that the flow's tasks take on to read secrets."""
    return sorted({secret.role for secret in _aws_secrets(compiled) if secret.role is not None})


def use_keys(kms_keys: Sequence[str]) -> Policy:
    """S3 and DynamoDB encrypt and decrypt with a customer's key on behalf of the caller, who needs the right to it."""
    return allow("UseKeys", ["kms:Decrypt", "kms:GenerateDataKey"], kms_keys)


def allow(sid: str, actions: Iterable[str], resources: Iterable[str]) -> Policy:
    """A statement that allows actions on resources."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": sorted(resources),
    }


def document(*statements: Policy) -> Policy:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def policy_problems(who: str, kind: str, policy: Mapping[str, Any]) -> Iterator[BindError]:
    """What IAM would refuse of a role's inline policy; `kind`: what the role is for."""
    size = len("".join(canonical_json(policy).split()))
    if size > INLINE_POLICY_CHARACTERS:
        yield BindError(
            f"{who}: the policy of the role for {kind} has {size:,} characters, "
            f"allowed are {INLINE_POLICY_CHARACTERS:,}; name fewer secrets or queues in the flow, "
            "or give the platform a role of your own"
        )


def policy_warnings(who: str, kind: str, policies: Sequence[object]) -> Iterator[str]:
    """Warnings about the flow's own role for its tasks: `job_policies` of flow and platform are attached to it."""
    if near(len(policies), MANAGED_POLICIES):
        yield (
            f"{who}: the role for {kind} has {len(policies)} managed policies (job_policies of flow and platform), and "
            f"AWS attaches {MANAGED_POLICIES} to a role unless the account's quota was raised; put several into one"
        )


def near(number: int, quota: int) -> bool:
    """Whether a number is at 90 % of a quota."""
    return number * 10 >= quota * 9


def _aws_secrets(compiled: CompiledFlow) -> Iterator[Secret]:
    for step in compiled.flow.steps.values():
        yield from (secret for secret in step.secrets if secret.backend == AWS_SECRETS)


def _parts(site: AwsSite, flow: str) -> list[str]:
    """A flow's parts of the datastore: artifacts, data of `metaflow.S3`, cards."""
    return [site.objects(f"{root}{flow}/*") for root in ("", "data/", "mf.cards/")]
