"""aws:iam/policy:Policy, after terraform-provider-aws `internal/service/iam/policy.go`."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

from flowinfra.local.plugin.cloud import CloudError, Scope, explained
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.policies import same_policy
from flowinfra.local.plugin.resource import Created, Resource, State, made, pairs, present, tag_changes, unpair
from flowinfra.plugin import checks
from flowinfra.plugin.checks import length, matches
from flowinfra.plugin.schema import Schema, text

_CHARACTERS = matches(r"^[\w+=,.@-]*$", r"must match [\w+=,.@-]")
_VERSIONS = 5
"""Most versions that a policy may have."""


class Policy(Resource):
    """A managed policy of the account."""

    token = "aws:iam/policy:Policy"  # noqa: S105
    schema = Schema(
        "IAM Policy",
        {
            "description": text(replaces=True),
            "name": text(length(1, 128), _CHARACTERS, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(length(1, 102), _CHARACTERS, computed=True, replaces=True, unread=True),
            "path": text(default="/", replaces=True),
            "policy": text(checks.policy(), required=True, same=same_policy),
        },
        ("arn", "attachmentCount", "policyId"),
        identity_limit=128,
        regional=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreatePolicy; refused by AWS where it exists."""
        name = new.get("name") or unique(new["namePrefix"])
        with explained(f"creating IAM Policy ({name})"):
            policy = aws.client("iam").create_policy(
                **present(
                    PolicyName=name,
                    PolicyDocument=new["policy"],
                    Path=new["path"],
                    Description=new.get("description"),
                    Tags=pairs(new["tagsAll"]),
                )
            )["Policy"]
        return Created(policy["Arn"], {"name": name, **made(self.read(aws, policy["Arn"], new), new)})

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetPolicy, its default version, and its tags."""
        client = aws.client("iam")
        try:
            with explained(f"reading IAM Policy ({identifier})"):
                policy = client.get_policy(PolicyArn=identifier)["Policy"]
                version = client.get_policy_version(PolicyArn=identifier, VersionId=policy["DefaultVersionId"])
                tags = client.list_policy_tags(PolicyArn=identifier).get("Tags", [])
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        document = version["PolicyVersion"]["Document"]
        return {
            "arn": policy["Arn"],
            "attachmentCount": policy.get("AttachmentCount", 0),
            "description": policy.get("Description"),
            "name": policy["PolicyName"],
            "path": policy["Path"],
            "policy": json.dumps(document) if isinstance(document, dict) else unquote(document),
            "policyId": policy["PolicyId"],
            "tagsAll": unpair(tags),
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """A new version becomes the default one; the oldest other goes where there are as many as may be."""
        client = aws.client("iam")
        with explained(f"updating IAM Policy ({identifier})"):
            if "policy" in changed:
                others = self._other_versions(client, identifier)
                if len(others) + 1 >= _VERSIONS:
                    client.delete_policy_version(PolicyArn=identifier, VersionId=others[0])
                made_version = client.create_policy_version(
                    PolicyArn=identifier, PolicyDocument=new["policy"], SetAsDefault=False
                )["PolicyVersion"]
                client.set_default_policy_version(PolicyArn=identifier, VersionId=made_version["VersionId"])
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_policy(PolicyArn=identifier, TagKeys=to_remove)
            if to_set:
                client.tag_policy(PolicyArn=identifier, Tags=pairs(to_set))
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Its other versions, then DeletePolicy; refused by AWS while it is attached."""
        client = aws.client("iam")
        try:
            with explained(f"deleting IAM Policy ({identifier})"):
                for version in self._other_versions(client, identifier):
                    client.delete_policy_version(PolicyArn=identifier, VersionId=version)
                client.delete_policy(PolicyArn=identifier)
        except CloudError as error:
            if not error.means_absent():
                raise

    @staticmethod
    def _other_versions(client: Any, identifier: str) -> list[str]:
        """Versions that are not the default one, oldest first."""
        listed = client.list_policy_versions(PolicyArn=identifier)["Versions"]
        others = [version for version in listed if not version["IsDefaultVersion"]]
        return [version["VersionId"] for version in sorted(others, key=lambda version: version["CreateDate"])]
