"""Keeps what a deploy left in the stack's datastore, so that `flowinfra rollback` can bring it back.

After the flows are deployed, and beside Pulumi's resources: as a resource it would be a line more in every preview.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pulumi
from botocore.exceptions import BotoCoreError

from flowinfra.clouds.aws import Access, refuse_other_account
from flowinfra.clouds.deployments import Deployments
from flowinfra.components.names import KIND_TAG, PROJECT_TAG, STACK_TAG
from flowinfra.components.ownership import in_thread, mocked
from flowinfra.components.platform import PlatformSettings
from flowinfra.components.source import Deployment
from flowinfra.components.version import ROLLED_BACK
from flowinfra.errors import FlowInfraError
from flowinfra.model.deployments import KeptDeployment, KeptFlow
from flowinfra.program.older import VERSION
from flowinfra.stack.bundled import bundled_entry
from flowinfra.stack.compiling import StackFlow
from flowinfra.stack.configuration import StackConfig
from flowinfra.targets.stack import datastore_bucket

_NOT_KEPT = {"flows", "defaults", "mirrors"}
"""Keys of a stack that its flows' entries have in them already."""


def kept_deployment(
    stack: StackConfig, flows: Mapping[str, StackFlow], by: Mapping[str, Any], now: datetime
) -> KeptDeployment:
    """What is kept of a deployment.

    Args:
        stack: the stack, its flows with their defaults.
        flows: what the stack's outputs call each → flow.
        by: who brings it, from which commit.
        now: when.
    """
    return KeptDeployment(
        time=now.astimezone(timezone.utc).isoformat(timespec="seconds"),
        deployed_by=by["deployed_by"],
        commit=by.get("commit"),
        uncommitted_changes=by.get("uncommitted_changes", False),
        rolled_back_to=by.get(ROLLED_BACK),
        config=stack.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=_NOT_KEPT),
        flows=tuple(_kept(name, flow) for name, flow in sorted(flows.items())),
    )


def _kept(name: str, flow: StackFlow) -> KeptFlow:
    compiled = flow.compiled
    return KeptFlow(
        name=name,
        flow=compiled.flow.name,
        target=compiled.target,
        digest=compiled.digest,
        entry=bundled_entry(flow),
        objects=tuple(sorted(entry.key for entry in compiled.objects.values() if entry.text is None)),
    )


def keep_when_deployed(
    stack: StackConfig,
    flows: Mapping[str, StackFlow],
    versions: Mapping[str, pulumi.Output[Any]],
    created: PlatformSettings | None,
    by: Mapping[str, Any],
    deployment: Deployment,
) -> pulumi.Output[bool] | None:
    """Keep the deployment once all flows are deployed; a preview keeps nothing, and neither do Pulumi's mocks.

    A datastore outside of S3 keeps none. Where it cannot be kept, a warning says so: what was deployed is deployed.

    Args:
        stack: the stack.
        flows: what the stack's outputs call each → flow.
        versions: the stack's outputs that are known last of each flow.
        created: the platform that the stack makes itself.
        by: who brings it, from which commit.
        deployment: project and stack.

    Returns:
        Whether it is kept; None where it cannot be.
    """
    platform = stack.platform
    if pulumi.runtime.is_dry_run() or mocked() or platform.datastore != "s3":
        return None
    if not created and not platform.bucket:
        return None  # nothing that flows could be deployed to
    config = dict(pulumi.runtime.get_config_env())
    compiled = {flow.compiled.digest: flow.compiled for flow in flows.values()}

    def keep(bucket: str) -> None:
        access = Access.of(config)
        session = access.session(platform.region)
        refuse_other_account(session, access.accounts, f"the stack {deployment.stack!r}")
        store = Deployments(session.client("s3"), bucket, platform.prefix, deployment.project, deployment.stack)
        own = {PROJECT_TAG: deployment.project, STACK_TAG: deployment.stack}
        texts = {digest: each.to_json() for digest, each in compiled.items()}
        kept = kept_deployment(stack, flows, by, datetime.now(timezone.utc))
        store.keep(kept, texts, lambda kind: {**own, KIND_TAG: kind})

    async def kept(found: list[Any]) -> bool:
        try:
            await in_thread(keep, found[0])
            return True
        except (FlowInfraError, BotoCoreError) as error:
            pulumi.log.warn(
                f"all is deployed, and this deployment is not kept: `flowinfra rollback` cannot bring it back: {error}"
            )
            return False

    done: pulumi.Output[bool] = pulumi.Output.all(datastore_bucket(stack, created), *versions.values()).apply(kept)
    return done


def taken_back(before: Mapping[str, Any], flows: Mapping[str, StackFlow]) -> list[str]:
    """A line for each flow that was rolled back, and that this deploy would change again.

    Args:
        before: the stack's outputs.
        flows: what the outputs call each → flow.
    """
    lines = []
    for key, flow in flows.items():
        version = before.get(f"{VERSION}{key}")
        if not isinstance(version, Mapping) or version.get("digest") == flow.compiled.digest:
            continue
        if number := version.get(ROLLED_BACK):
            lines.append(
                f"{key}: {version.get('deployed_by')} rolled it back to deployment {number:g}, "
                "and a deploy from here changes it again"
            )
    return lines
