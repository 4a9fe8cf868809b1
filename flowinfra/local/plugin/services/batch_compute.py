"""aws:batch/computeEnvironment:ComputeEnvironment and aws:batch/jobQueue:JobQueue.

After terraform-provider-aws `internal/service/batch/compute_environment.go` and `job_queue.go`, and pulumi-aws
`provider/resources.go` (names).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.resource import Created, Resource, State, made, present, tag_changes
from flowinfra.local.plugin.services.batch_jobs import NAME, tag
from flowinfra.plugin.checks import arn, between, length, one_of, worded
from flowinfra.plugin.schema import Schema, block, flag, listing, strings, text, whole

_STATE = one_of(["ENABLED", "DISABLED"], ignore_case=True)
_PREFIX = worded(
    r"^[0-9A-Za-z]{1}[0-9A-Za-z_-]{0,101}$",
    '"{name}" ("{value}") must be up to 102 letters (uppercase and lowercase), numbers, underscores and dashes, '
    "and must start with an alphanumeric.",
)


def _same_upper(old: str, new: str) -> bool:
    return old.upper() == new.upper()


_RESOURCES = {
    "allocationStrategy": text(
        one_of(["BEST_FIT", "BEST_FIT_PROGRESSIVE", "SPOT_CAPACITY_OPTIMIZED", "SPOT_PRICE_CAPACITY_OPTIMIZED"],
               ignore_case=True),
        same=_same_upper,
    ),
    "bidPercentage": whole(),
    "desiredVcpus": whole(computed=True),
    "ec2Configurations": listing(
        block(
            {
                "imageIdOverride": text(length(1, 256), computed=True),
                "imageKubernetesVersion": text(length(1, 256)),
                "imageType": text(length(1, 256)),
            }
        ),
        computed=True,
        replaces=True,
        limit=2,
    ),
    "ec2KeyPair": text(),
    "imageId": text(),
    "instanceRole": text(arn),
    "instanceTypes": listing(text(), unordered=True),
    "launchTemplate": block(
        {"launchTemplateId": text(), "launchTemplateName": text(), "version": text(computed=True)}, replaces=True
    ),
    "maxVcpus": whole(required=True),
    "minVcpus": whole(),
    "placementGroup": text(replaces=True),
    "securityGroupIds": listing(text(), unordered=True),
    "spotIamFleetRole": text(arn, replaces=True),
    "subnets": listing(text(), required=True, unordered=True),
    "tags": strings(),
    "type": text(one_of(["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"], ignore_case=True), required=True,
                 same=_same_upper),
}  # fmt: skip
_API_NAMES = {
    "desiredVcpus": "desiredvCpus",
    "ec2Configurations": "ec2Configuration",
    "maxVcpus": "maxvCpus",
    "minVcpus": "minvCpus",
}
"""Pulumi's name of a compute resource's field → the API's, where they differ."""
_UPDATABLE = ("allocationStrategy", "bidPercentage", "desiredVcpus", "ec2KeyPair", "imageId", "instanceRole",
              "instanceTypes", "maxVcpus", "minVcpus", "securityGroupIds", "subnets", "tags", "type")  # fmt: skip


class ComputeEnvironment(Resource):
    """What Batch's jobs run on."""

    token = "aws:batch/computeEnvironment:ComputeEnvironment"  # noqa: S105
    schema = Schema(
        "Batch Compute Environment",
        {
            "computeResources": block(_RESOURCES, computed=True),
            "name": text(NAME, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(_PREFIX, computed=True, replaces=True, unread=True),
            "serviceRole": text(arn, computed=True),
            "state": text(_STATE, default="ENABLED", same=_same_upper),
            "type": text(
                one_of(["MANAGED", "UNMANAGED"], ignore_case=True), required=True, replaces=True, same=_same_upper
            ),
            "updatePolicy": block(
                {"jobExecutionTimeoutMinutes": whole(between(1, 360)), "terminateJobsOnUpdate": flag()}, computed=True
            ),
        },
        ("arn", "ecsClusterArn", "status", "statusReason"),
        identity_limit=128,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreateComputeEnvironment, then its update policy (which a create does not take)."""
        name = new.get("name") or unique(new["namePrefix"])
        client = aws.client("batch")
        with explained(f"creating Batch Compute Environment ({name})"):
            client.create_compute_environment(
                **present(
                    computeEnvironmentName=name,
                    type=new["type"].upper(),
                    state=new["state"].upper(),
                    computeResources=_to_api(new.get("computeResources")),
                    serviceRole=new.get("serviceRole"),
                    tags=new["tagsAll"],
                )
            )
        outputs = made(self.read(aws, name, {}), new)
        if policy := new.get("updatePolicy"):
            try:
                with explained(f"updating Batch Compute Environment ({name}) update policy"):
                    client.update_compute_environment(computeEnvironment=name, updatePolicy=policy)
            except CloudError as error:
                raise PartialError(str(error), name, outputs) from error
        return Created(name, outputs)

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeComputeEnvironments."""
        with explained(f"reading Batch Compute Environment ({identifier})"):
            answer = aws.client("batch").describe_compute_environments(computeEnvironments=[identifier])
        found = [item for item in answer["computeEnvironments"] if item.get("status") != "DELETED"]
        if not found:
            return None
        environment = found[0]
        return {
            "arn": environment["computeEnvironmentArn"],
            "computeResources": _from_api(environment.get("computeResources")),
            "ecsClusterArn": environment.get("ecsClusterArn"),
            "name": environment["computeEnvironmentName"],
            "serviceRole": environment.get("serviceRole"),
            "state": environment.get("state"),
            "status": environment.get("status"),
            "statusReason": environment.get("statusReason"),
            "tagsAll": environment.get("tags") or {},
            "type": environment["type"],
            "updatePolicy": environment.get("updatePolicy"),
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """UpdateComputeEnvironment, and tags."""
        client = aws.client("batch")
        with explained(f"updating Batch Compute Environment ({identifier})"):
            if set(changed) - {"tags", "tagsAll"}:
                client.update_compute_environment(
                    **present(
                        computeEnvironment=identifier,
                        state=new["state"].upper(),
                        serviceRole=new.get("serviceRole") if "serviceRole" in changed else None,
                        updatePolicy=new.get("updatePolicy") if "updatePolicy" in changed else None,
                        computeResources=_resource_update(old, new),
                    )
                )
            tag(client, old["arn"], *tag_changes(old, new))
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Disable it, then delete it."""
        client = aws.client("batch")
        with explained(f"deleting Batch Compute Environment ({identifier})"):
            if not client.describe_compute_environments(computeEnvironments=[identifier])["computeEnvironments"]:
                return
            client.update_compute_environment(computeEnvironment=identifier, state="DISABLED")
            client.delete_compute_environment(computeEnvironment=identifier)


def _to_api(resources: State | None) -> dict[str, Any] | None:
    if not resources:
        return None
    found = {_API_NAMES.get(name, name): value for name, value in resources.items()}
    found["type"] = found["type"].upper()
    if not found["type"].startswith("FARGATE"):
        # As upstream: the API asks for it, the schema does not.
        found.setdefault("minvCpus", 0)
    return found


def _from_api(resources: State | None) -> dict[str, Any] | None:
    if not resources:
        return None
    names = {api: name for name, api in _API_NAMES.items()}
    return {names.get(key, key): value for key, value in resources.items() if names.get(key, key) in _RESOURCES}


def _resource_update(old: State, new: State) -> dict[str, Any] | None:
    before, after = old.get("computeResources") or {}, new.get("computeResources") or {}
    if new["type"].upper() != "MANAGED" or not after:
        return None
    changed = {name: after[name] for name in _UPDATABLE if name in after and before.get(name) != after[name]}
    # "At least one compute-resources attribute must be specified"
    return {_API_NAMES.get(name, name): value for name, value in {"maxVcpus": after["maxVcpus"], **changed}.items()}


class JobQueue(Resource):
    """A queue of Batch jobs."""

    token = "aws:batch/jobQueue:JobQueue"  # noqa: S105
    schema = Schema(
        "Batch Job Queue",
        {
            "computeEnvironmentOrders": listing(
                block({"computeEnvironment": text(arn, required=True), "order": whole(required=True)})
            ),
            "jobStateTimeLimitActions": listing(
                block(
                    {
                        "action": text(one_of(["CANCEL", "TERMINATE"]), required=True),
                        "maxTimeSeconds": whole(between(600, 86400), required=True),
                        "reason": text(required=True),
                        "state": text(one_of(["RUNNABLE"]), required=True),
                    }
                ),
                # moto keeps none of these.
                unread=True,
            ),
            "name": text(NAME, required=True, replaces=True),
            "priority": whole(required=True),
            "schedulingPolicyArn": text(arn),
            "state": text(_STATE, required=True),
            "timeouts": block({"create": text(), "delete": text(), "update": text()}, unread=True),
        },
        ("arn",),
        identity_limit=128,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreateJobQueue; refused by AWS where the name is taken."""
        with explained(f"creating Batch Job Queue ({new['name']})"):
            answer = aws.client("batch").create_job_queue(jobQueueName=new["name"], tags=new["tagsAll"], **_queue(new))
        return Created(answer["jobQueueArn"], {"arn": answer["jobQueueArn"]})

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeJobQueues."""
        with explained(f"reading Batch Job Queue ({identifier})"):
            found = aws.client("batch").describe_job_queues(jobQueues=[identifier])["jobQueues"]
        if not found or found[0].get("status") == "DELETED":
            return None
        queue = found[0]
        return {
            "arn": queue["jobQueueArn"],
            "computeEnvironmentOrders": [
                {"computeEnvironment": item["computeEnvironment"], "order": item["order"]}
                for item in queue["computeEnvironmentOrder"]
            ],
            "name": queue["jobQueueName"],
            "priority": queue["priority"],
            "schedulingPolicyArn": queue.get("schedulingPolicyArn"),
            "state": queue["state"],
            "tagsAll": queue.get("tags") or {},
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """UpdateJobQueue, and tags."""
        client = aws.client("batch")
        with explained(f"updating Batch Job Queue ({identifier})"):
            if set(changed) - {"tags", "tagsAll"}:
                client.update_job_queue(jobQueue=identifier, **_queue(new))
            tag(client, identifier, *tag_changes(old, new))
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Disable it, then delete it."""
        client = aws.client("batch")
        with explained(f"deleting Batch Job Queue ({identifier})"):
            if not client.describe_job_queues(jobQueues=[identifier])["jobQueues"]:
                return
            client.update_job_queue(jobQueue=identifier, state="DISABLED")
            client.delete_job_queue(jobQueue=identifier)


def _queue(new: State) -> dict[str, Any]:
    return present(
        computeEnvironmentOrder=new.get("computeEnvironmentOrders"),
        jobStateTimeLimitActions=new.get("jobStateTimeLimitActions"),
        priority=new["priority"],
        schedulingPolicyArn=new.get("schedulingPolicyArn"),
        state=new["state"].upper(),
    )
