"""aws:dynamodb/table:Table, after terraform-provider-aws `internal/service/dynamodb/table.go`.

Without what a local table has no use for: streams, replicas, imports, restores and global secondary indexes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained
from flowinfra.local.plugin.resource import Created, Resource, State, pairs, present, tag_changes, unpair
from flowinfra.plugin.checks import arn, length, matches, one_of
from flowinfra.plugin.schema import Problem, Schema, block, flag, listing, text, whole
from flowinfra.plugin.wire import has_unknown

_NAME = matches(r"^[a-zA-Z0-9_.-]+$", "must only contain alphanumeric characters, underscores, dots and dashes")
_CAPACITY = ("readCapacity", "writeCapacity")


class Table(Resource):
    """A table."""

    token = "aws:dynamodb/table:Table"  # noqa: S105
    schema = Schema(
        "DynamoDB Table",
        {
            "attributes": listing(
                block({"name": text(required=True), "type": text(one_of(["B", "N", "S"]), required=True)}),
                computed=True,
                unordered=True,
            ),
            "billingMode": text(one_of(["PAY_PER_REQUEST", "PROVISIONED"]), default="PROVISIONED"),
            "deletionProtectionEnabled": flag(),
            "hashKey": text(computed=True, replaces=True),
            "name": text(length(3, 255), _NAME, required=True, replaces=True),
            "pointInTimeRecovery": block({"enabled": flag(required=True)}, computed=True),
            "rangeKey": text(replaces=True),
            "readCapacity": whole(computed=True),
            "serverSideEncryption": block(
                {"enabled": flag(required=True), "kmsKeyArn": text(arn, computed=True)}, computed=True
            ),
            "tableClass": text(one_of(["STANDARD", "STANDARD_INFREQUENT_ACCESS"]), computed=True),
            "ttl": block({"attributeName": text(), "enabled": flag()}, computed=True),
            "writeCapacity": whole(computed=True),
        },
        ("arn",),
        identity_limit=255,
    )

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """Keys must be attributes, and attributes keys (validateDynamoDbTableAttributes)."""
        attributes = new.get("attributes") or []
        keys = {new[key] for key in ("hashKey", "rangeKey") if new.get(key)}
        if has_unknown(attributes) or any(has_unknown(key) for key in keys):
            return
        if not new.get("hashKey"):
            yield Problem("hashKey", 'Missing required argument. The argument "hash_key" is required')
        names = {attribute["name"] for attribute in attributes}
        if missing := sorted(keys - names):
            yield Problem("attributes", f"all indexes must match a defined attribute. Unmatched indexes: {missing}")
        if unused := sorted(names - keys):
            yield Problem("attributes", f"all attributes must be indexed. Unused attributes: {unused}")
        if new["billingMode"] == "PROVISIONED" and not all(new.get(name) for name in _CAPACITY):
            yield Problem(
                "billingMode",
                'read_capacity and write_capacity must be at least 1 when billing_mode is "PROVISIONED"',
            )

    def create(self, aws: Scope, new: State) -> Created:
        """CreateTable, then what a create does not take; refused by AWS where the table exists."""
        client = aws.client("dynamodb")
        name = new["name"]
        keys = [("hashKey", "HASH"), ("rangeKey", "RANGE")]
        with explained(f"creating DynamoDB Table ({name})"):
            table = client.create_table(
                **present(
                    TableName=name,
                    AttributeDefinitions=[
                        {"AttributeName": item["name"], "AttributeType": item["type"]} for item in new["attributes"]
                    ],
                    KeySchema=[{"AttributeName": new[key], "KeyType": kind} for key, kind in keys if new.get(key)],
                    BillingMode=new["billingMode"],
                    ProvisionedThroughput=_throughput(new),
                    DeletionProtectionEnabled=new.get("deletionProtectionEnabled"),
                    SSESpecification=_encryption(new),
                    TableClass=new.get("tableClass"),
                    Tags=pairs(new["tagsAll"]) or None,
                )
            )["TableDescription"]
        outputs = {"arn": table["TableArn"]}
        try:
            self._put_settings(client, name, {}, new)
        except CloudError as error:
            raise PartialError(str(error), name, outputs) from error
        return Created(name, outputs)

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeTable and what it leaves out."""
        client = aws.client("dynamodb")
        try:
            with explained(f"reading DynamoDB Table ({identifier})"):
                table = client.describe_table(TableName=identifier)["Table"]
                tags = client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
                ttl = client.describe_time_to_live(TableName=identifier)["TimeToLiveDescription"]
                backups = client.describe_continuous_backups(TableName=identifier)["ContinuousBackupsDescription"]
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        keys = {item["KeyType"]: item["AttributeName"] for item in table["KeySchema"]}
        throughput = table.get("ProvisionedThroughput") or {}
        recovery = backups.get("PointInTimeRecoveryDescription") or {}
        encryption = table.get("SSEDescription") or {}
        return {
            "arn": table["TableArn"],
            "attributes": [
                {"name": item["AttributeName"], "type": item["AttributeType"]} for item in table["AttributeDefinitions"]
            ],
            "billingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            "deletionProtectionEnabled": bool(table.get("DeletionProtectionEnabled")),
            "hashKey": keys.get("HASH"),
            "name": table["TableName"],
            "pointInTimeRecovery": {"enabled": recovery.get("PointInTimeRecoveryStatus") == "ENABLED"},
            "rangeKey": keys.get("RANGE"),
            "readCapacity": throughput.get("ReadCapacityUnits", 0),
            "serverSideEncryption": present(enabled=True, kmsKeyArn=encryption.get("KMSMasterKeyArn"))
            if encryption.get("Status") == "ENABLED"
            else None,
            "tableClass": table.get("TableClassSummary", {}).get("TableClass"),
            "tagsAll": unpair(tags),
            "ttl": present(attributeName=ttl.get("AttributeName"), enabled=ttl.get("TimeToLiveStatus") == "ENABLED"),
            "writeCapacity": throughput.get("WriteCapacityUnits", 0),
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """UpdateTable, settings and tags."""
        client = aws.client("dynamodb")
        with explained(f"updating DynamoDB Table ({identifier})"):
            arguments = present(
                BillingMode=new["billingMode"] if "billingMode" in changed else None,
                ProvisionedThroughput=_throughput(new) if {"billingMode", *_CAPACITY} & set(changed) else None,
                DeletionProtectionEnabled=bool(new.get("deletionProtectionEnabled"))
                if "deletionProtectionEnabled" in changed
                else None,
                SSESpecification=_encryption(new) if "serverSideEncryption" in changed else None,
                TableClass=new.get("tableClass") if "tableClass" in changed else None,
            )
            if arguments:
                client.update_table(TableName=identifier, **arguments)
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_resource(ResourceArn=old["arn"], TagKeys=to_remove)
            if to_set:
                client.tag_resource(ResourceArn=old["arn"], Tags=pairs(to_set))
        self._put_settings(client, identifier, old, new)
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteTable."""
        try:
            with explained(f"deleting DynamoDB Table ({identifier})"):
                aws.client("dynamodb").delete_table(TableName=identifier)
        except CloudError as error:
            if not error.means_absent():
                raise

    @staticmethod
    def _put_settings(client: Any, name: str, old: State, new: State) -> None:
        ttl, before = new.get("ttl"), old.get("ttl") or {}
        with explained(f"updating DynamoDB Table ({name}) time to live"):
            if ttl and bool(ttl.get("enabled")) != bool(before.get("enabled")):
                attribute = ttl.get("attributeName") or before.get("attributeName")
                client.update_time_to_live(
                    TableName=name,
                    TimeToLiveSpecification={"AttributeName": attribute, "Enabled": bool(ttl.get("enabled"))},
                )
        recovery, had = new.get("pointInTimeRecovery"), old.get("pointInTimeRecovery") or {}
        with explained(f"updating DynamoDB Table ({name}) point in time recovery"):
            if recovery and bool(recovery["enabled"]) != bool(had.get("enabled")):
                client.update_continuous_backups(
                    TableName=name,
                    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": recovery["enabled"]},
                )


def _throughput(new: State) -> dict[str, int] | None:
    if new["billingMode"] != "PROVISIONED":
        return None
    return {"ReadCapacityUnits": new["readCapacity"], "WriteCapacityUnits": new["writeCapacity"]}


def _encryption(new: State) -> dict[str, Any] | None:
    wanted = new.get("serverSideEncryption")
    if not wanted:
        return None
    key = wanted.get("kmsKeyArn")
    return present(Enabled=wanted["enabled"], KMSMasterKeyId=key, SSEType="KMS" if key else None)
