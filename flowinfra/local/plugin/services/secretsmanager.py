"""aws:secretsmanager/secret:Secret, after terraform-provider-aws `internal/service/secretsmanager/secret.go`.

A secret has a name and an ARN here; a deployment never needs its value.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, Scope, explained
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.resource import Created, Resource, State, pairs, present, tag_changes, unpair
from flowinfra.plugin.checks import length, matches
from flowinfra.plugin.schema import Schema, text, whole

_NAME = matches(
    r"^[0-9A-Za-z/_+=.@-]+$", "must contain only alphanumeric characters and these special characters: /_+=.@-"
)


class Secret(Resource):
    """A secret."""

    token = "aws:secretsmanager/secret:Secret"  # noqa: S105
    schema = Schema(
        "Secrets Manager Secret",
        {
            "description": text(length(0, 2048)),
            "kmsKeyId": text(),
            "name": text(length(1, 512), _NAME, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(length(1, 486), _NAME, computed=True, replaces=True, unread=True),
            "recoveryWindowInDays": whole(default=30, unread=True),
        },
        ("arn",),
        identity_limit=512,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreateSecret; refused by AWS where it exists."""
        name = new.get("name") or unique(new["namePrefix"])
        with explained(f"creating Secrets Manager Secret ({name})"):
            answer = aws.client("secretsmanager").create_secret(
                **present(
                    Name=name,
                    Description=new.get("description"),
                    KmsKeyId=new.get("kmsKeyId"),
                    Tags=pairs(new["tagsAll"]) or None,
                )
            )
        return Created(answer["ARN"], {"arn": answer["ARN"], "name": name})

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeSecret; one that waits for its deletion is gone."""
        try:
            with explained(f"reading Secrets Manager Secret ({identifier})"):
                found = aws.client("secretsmanager").describe_secret(SecretId=identifier)
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        if found.get("DeletedDate"):
            return None
        return {
            "arn": found["ARN"],
            "description": found.get("Description"),
            "kmsKeyId": found.get("KmsKeyId"),
            "name": found["Name"],
            "tagsAll": unpair(found.get("Tags", [])),
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """UpdateSecret, and tags."""
        client = aws.client("secretsmanager")
        with explained(f"updating Secrets Manager Secret ({identifier})"):
            if {"description", "kmsKeyId"} & set(changed):
                client.update_secret(
                    SecretId=identifier,
                    **present(Description=new.get("description", ""), KmsKeyId=new.get("kmsKeyId")),
                )
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_resource(SecretId=identifier, TagKeys=to_remove)
            if to_set:
                client.tag_resource(SecretId=identifier, Tags=pairs(to_set))
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteSecret with its recovery window."""
        days = old.get("recoveryWindowInDays", 30)
        window = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        try:
            with explained(f"deleting Secrets Manager Secret ({identifier})"):
                aws.client("secretsmanager").delete_secret(SecretId=identifier, **window)
        except CloudError as error:
            if not error.means_absent():
                raise
