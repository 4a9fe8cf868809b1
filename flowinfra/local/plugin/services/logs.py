"""aws:cloudwatch/logGroup:LogGroup and aws:cloudwatch/logResourcePolicy:LogResourcePolicy.

After terraform-provider-aws `internal/service/logs/group.go` and `resource_policy.go`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.policies import same_policy
from flowinfra.local.plugin.resource import Created, Resource, State, made, present, tag_changes
from flowinfra.plugin import checks
from flowinfra.plugin.checks import arn, one_of, restricted
from flowinfra.plugin.schema import Schema, flag, text, whole

_RETENTIONS = [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
               3288, 3653]  # fmt: skip
_NAME = r"^[\.\-_/#A-Za-z0-9]+$"


class LogGroup(Resource):
    """A log group."""

    token = "aws:cloudwatch/logGroup:LogGroup"  # noqa: S105
    schema = Schema(
        "CloudWatch Logs Log Group",
        {
            "kmsKeyId": text(arn),
            "logGroupClass": text(one_of(["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]), computed=True, replaces=True),
            "name": text(restricted(_NAME, 512), computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(restricted(_NAME, 486), computed=True, replaces=True, unread=True),
            "retentionInDays": whole(one_of(_RETENTIONS), default=0),
            "skipDestroy": flag(default=False, unread=True),
        },
        ("arn",),
        identity_limit=512,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreateLogGroup, then its retention; refused by AWS where it exists."""
        name = new.get("name") or unique(new["namePrefix"])
        client = aws.client("logs")
        with explained(f"creating CloudWatch Logs Log Group ({name})"):
            client.create_log_group(
                **present(
                    logGroupName=name,
                    kmsKeyId=new.get("kmsKeyId"),
                    logGroupClass=new.get("logGroupClass"),
                    tags=new["tagsAll"] or None,
                )
            )
        try:
            if new.get("retentionInDays"):
                self._retain(client, name, new)
            return Created(name, made(self._describe(client, name), new))
        except CloudError as error:
            raise PartialError(str(error), name, {"name": name}) from error

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeLogGroups."""
        client = aws.client("logs")
        found = self._describe(client, identifier)
        if found is None:
            return None
        with explained(f"listing the tags of CloudWatch Logs Log Group ({identifier})"):
            tags = client.list_tags_for_resource(resourceArn=found["arn"]).get("tags", {})
        return {**found, "tagsAll": tags}

    @staticmethod
    def _describe(client: Any, name: str) -> dict[str, Any] | None:
        with explained(f"reading CloudWatch Logs Log Group ({name})"):
            pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
            groups = (group for page in pages for group in page["logGroups"])
            found = next((group for group in groups if group["logGroupName"] == name), None)
        if found is None:
            return None
        return {
            "arn": found["arn"].removesuffix(":*"),
            "kmsKeyId": found.get("kmsKeyId"),
            "logGroupClass": found.get("logGroupClass"),
            "name": found["logGroupName"],
            "retentionInDays": found.get("retentionInDays", 0),
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """Retention, key and tags."""
        client = aws.client("logs")
        if "retentionInDays" in changed:
            self._retain(client, identifier, new)
        with explained(f"updating CloudWatch Logs Log Group ({identifier})"):
            if "kmsKeyId" in changed:
                if key := new.get("kmsKeyId"):
                    client.associate_kms_key(logGroupName=identifier, kmsKeyId=key)
                else:
                    client.disassociate_kms_key(logGroupName=identifier)
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_resource(resourceArn=old["arn"], tagKeys=to_remove)
            if to_set:
                client.tag_resource(resourceArn=old["arn"], tags=to_set)
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteLogGroup, unless it is to be kept."""
        if old.get("skipDestroy"):
            return
        try:
            with explained(f"deleting CloudWatch Logs Log Group ({identifier})"):
                aws.client("logs").delete_log_group(logGroupName=identifier)
        except CloudError as error:
            if not error.means_absent():
                raise

    @staticmethod
    def _retain(client: Any, name: str, new: State) -> None:
        with explained(f"setting CloudWatch Logs Log Group ({name}) retention policy"):
            if days := new.get("retentionInDays"):
                client.put_retention_policy(logGroupName=name, retentionInDays=days)
            else:
                client.delete_retention_policy(logGroupName=name)


class LogResourcePolicy(Resource):
    """Who else may write logs of this account."""

    token = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy"  # noqa: S105
    schema = Schema(
        "CloudWatch Logs Resource Policy",
        {
            "policyDocument": text(checks.policy(5120), required=True, same=same_policy),
            "policyName": text(required=True, replaces=True),
        },
        identity=None,
        tagged=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """PutResourcePolicy."""
        self._put(aws, new)
        return Created(new["policyName"])

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeResourcePolicies."""
        with explained(f"reading CloudWatch Logs Resource Policy ({identifier})"):
            listed = aws.client("logs").describe_resource_policies()["resourcePolicies"]
        found = next((item for item in listed if item["policyName"] == identifier), None)
        return found and {"policyDocument": found["policyDocument"], "policyName": found["policyName"]}

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """PutResourcePolicy."""
        self._put(aws, new)
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteResourcePolicy."""
        try:
            with explained(f"deleting CloudWatch Logs Resource Policy ({identifier})"):
                aws.client("logs").delete_resource_policy(policyName=identifier)
        except CloudError as error:
            if not error.means_absent():
                raise

    @staticmethod
    def _put(aws: Scope, new: State) -> None:
        with explained(f"putting CloudWatch Logs Resource Policy ({new['policyName']})"):
            aws.client("logs").put_resource_policy(policyName=new["policyName"], policyDocument=new["policyDocument"])
