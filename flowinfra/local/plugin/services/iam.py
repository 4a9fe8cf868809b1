"""aws:iam: Role, RolePolicy, RolePolicyAttachment and InstanceProfile.

After terraform-provider-aws `internal/service/iam/role.go`, `role_policy.go`, `role_policy_attachment.go`,
`instance_profile.go` and `validate.go`. A role or instance profile that exists is refused by AWS; PutRolePolicy,
which a RolePolicy is made with, replaces what is there, as it does with the real provider.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained, once_possible
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.policies import same_policy
from flowinfra.local.plugin.resource import Created, Resource, State, pairs, present, tag_changes, unpair
from flowinfra.plugin import checks
from flowinfra.plugin.checks import arn, between, is_json, length, matches
from flowinfra.plugin.schema import Schema, block, flag, listing, text, whole

INLINE_POLICY_LIMIT = 10_240
"""Characters of an inline policy without whitespace."""

_CHARACTERS = matches(r"^[\w+=,.@-]*$", r"must match [\w+=,.@-]")
_CURLY = "\u201c\u2018"
_NO_CURLY_QUOTES = matches(f"^[^{_CURLY}]*$", f"cannot contain specially formatted single or double quotes: [{_CURLY}]")


def _no_arn(name: str, value: str) -> Any:
    if value.startswith("arn:") and not list(arn(name, value)):
        yield f'"{name}" must be the role\'s name not its ARN'


def _document(value: Any) -> str:
    # boto3 decodes a policy that IAM sends URL-encoded, except where moto sends it plain.
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else unquote(value)


class Role(Resource):
    """A role."""

    token = "aws:iam/role:Role"  # noqa: S105
    schema = Schema(
        "IAM Role",
        {
            "assumeRolePolicy": text(is_json, required=True, same=same_policy),
            "description": text(
                length(0, 1000),
                _NO_CURLY_QUOTES,
            ),
            "forceDetachPolicies": flag(default=False, unread=True),
            "inlinePolicies": listing(
                block(
                    {
                        "name": text(length(1, 128), _CHARACTERS),
                        "policy": text(checks.policy(INLINE_POLICY_LIMIT), same=same_policy),
                    }
                ),
                computed=True,
                unordered=True,
            ),
            "managedPolicyArns": listing(text(arn), computed=True, unordered=True),
            "maxSessionDuration": whole(between(3600, 43200), default=3600),
            "name": text(length(1, 64), _CHARACTERS, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(length(1, 38), _CHARACTERS, computed=True, replaces=True, unread=True),
            "path": text(length(0, 512), default="/", replaces=True),
            "permissionsBoundary": text(arn),
        },
        ("arn", "createDate", "uniqueId"),
        identity_limit=64,
        regional=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreateRole, then its policies."""
        client = aws.client("iam")
        name = new.get("name") or unique(new["namePrefix"])
        with explained(f"creating IAM Role ({name})"):
            role = client.create_role(
                **present(
                    RoleName=name,
                    AssumeRolePolicyDocument=new["assumeRolePolicy"],
                    Description=new.get("description"),
                    MaxSessionDuration=new["maxSessionDuration"],
                    Path=new["path"],
                    PermissionsBoundary=new.get("permissionsBoundary"),
                    Tags=pairs(new["tagsAll"]),
                )
            )["Role"]
        outputs = {
            "arn": role["Arn"],
            "createDate": role["CreateDate"].isoformat(),
            "name": name,
            "uniqueId": role["RoleId"],
        }
        try:
            with explained(f"attaching policies to IAM Role ({name})"):
                self._put_policies(client, name, {}, new)
        except CloudError as error:
            raise PartialError(str(error), name, outputs) from error
        return Created(name, outputs)

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetRole and its policies."""
        client = aws.client("iam")
        try:
            with explained(f"reading IAM Role ({identifier})"):
                role = client.get_role(RoleName=identifier)["Role"]
                inline = client.list_role_policies(RoleName=identifier)["PolicyNames"]
                attached = client.list_attached_role_policies(RoleName=identifier)["AttachedPolicies"]
                policies = [
                    {"name": name, "policy": _document(self._policy(client, identifier, name))} for name in inline
                ]
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        return {
            "arn": role["Arn"],
            "assumeRolePolicy": _document(role["AssumeRolePolicyDocument"]),
            "createDate": role["CreateDate"].isoformat(),
            "description": role.get("Description"),
            "inlinePolicies": policies,
            "managedPolicyArns": [policy["PolicyArn"] for policy in attached],
            "maxSessionDuration": role.get("MaxSessionDuration", 3600),
            "name": role["RoleName"],
            "path": role["Path"],
            "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "tagsAll": unpair(role.get("Tags", [])),
            "uniqueId": role["RoleId"],
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """One call for each thing that changed."""
        client = aws.client("iam")
        with explained(f"updating IAM Role ({identifier})"):
            if "assumeRolePolicy" in changed:
                client.update_assume_role_policy(RoleName=identifier, PolicyDocument=new["assumeRolePolicy"])
            if {"description", "maxSessionDuration"} & set(changed):
                client.update_role(
                    RoleName=identifier,
                    Description=new.get("description", ""),
                    MaxSessionDuration=new["maxSessionDuration"],
                )
            if "permissionsBoundary" in changed:
                if boundary := new.get("permissionsBoundary"):
                    client.put_role_permissions_boundary(RoleName=identifier, PermissionsBoundary=boundary)
                else:
                    client.delete_role_permissions_boundary(RoleName=identifier)
            self._put_policies(client, identifier, old, new)
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_role(RoleName=identifier, TagKeys=to_remove)
            if to_set:
                client.tag_role(RoleName=identifier, Tags=pairs(to_set))
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteRole, with what it manages itself, once it has no other policies (upstream waits as well)."""
        client = aws.client("iam")

        def remove() -> None:
            with explained(f"deleting IAM Role ({identifier})"):
                self._release(client, identifier, old)
                client.delete_role(RoleName=identifier)

        try:
            once_possible(remove, code="DeleteConflict")
        except CloudError as error:
            if not error.means_absent():
                raise

    @staticmethod
    def _release(client: Any, role: str, old: State) -> None:
        force = bool(old.get("forceDetachPolicies"))
        for profile in client.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"]:
            client.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=role)
        if force or old.get("managedPolicyArns"):
            for policy in client.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
                client.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
        if force or old.get("inlinePolicies"):
            for name in client.list_role_policies(RoleName=role)["PolicyNames"]:
                client.delete_role_policy(RoleName=role, PolicyName=name)

    @staticmethod
    def _policy(client: Any, role: str, name: str) -> Any:
        return client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

    @staticmethod
    def _put_policies(client: Any, role: str, old: State, new: State) -> None:
        if "inlinePolicies" in new:
            before = {policy["name"]: policy["policy"] for policy in old.get("inlinePolicies") or []}
            after = {policy["name"]: policy["policy"] for policy in new["inlinePolicies"] or [] if policy.get("name")}
            for name in sorted(set(before) - set(after)):
                client.delete_role_policy(RoleName=role, PolicyName=name)
            for name, document in after.items():
                if before.get(name) != document:
                    client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
        if "managedPolicyArns" in new:
            had, want = set(old.get("managedPolicyArns") or []), set(new["managedPolicyArns"] or [])
            for policy in sorted(had - want):
                client.detach_role_policy(RoleName=role, PolicyArn=policy)
            for policy in sorted(want - had):
                client.attach_role_policy(RoleName=role, PolicyArn=policy)


class RolePolicy(Resource):
    """An inline policy of a role."""

    token = "aws:iam/rolePolicy:RolePolicy"  # noqa: S105
    schema = Schema(
        "IAM Role Policy",
        {
            "name": text(length(1, 128), _CHARACTERS, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(length(1, 102), _CHARACTERS, computed=True, replaces=True, unread=True),
            "policy": text(checks.policy(INLINE_POLICY_LIMIT), required=True, same=same_policy),
            "role": text(length(1, 128), _no_arn, required=True, replaces=True),
        },
        identity_limit=128,
        tagged=False,
        regional=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """PutRolePolicy."""
        name = new.get("name") or unique(new["namePrefix"])
        self._put(aws, new, name)
        return Created(f"{new['role']}:{name}", {"name": name})

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetRolePolicy."""
        role, separator, name = identifier.partition(":")
        if not separator:
            raise CloudError("role_policy id must be of the form <role name>:<policy name>")
        try:
            with explained(f"reading IAM Role Policy ({identifier})"):
                document = aws.client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        return {"name": name, "policy": _document(document), "role": role}

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """PutRolePolicy."""
        self._put(aws, new, identifier.partition(":")[2])
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteRolePolicy."""
        role, _, name = identifier.partition(":")
        try:
            with explained(f"deleting IAM Role Policy ({identifier})"):
                aws.client("iam").delete_role_policy(RoleName=role, PolicyName=name)
        except CloudError as error:
            if not error.means_absent():
                raise

    @staticmethod
    def _put(aws: Scope, new: State, name: str) -> None:
        with explained(f"putting IAM Role ({new['role']}) Policy ({name})"):
            aws.client("iam").put_role_policy(RoleName=new["role"], PolicyName=name, PolicyDocument=new["policy"])


class RolePolicyAttachment(Resource):
    """A managed policy on a role."""

    token = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"  # noqa: S105
    schema = Schema(
        "IAM Role Policy Attachment",
        {"policyArn": text(arn, required=True, replaces=True), "role": text(required=True, replaces=True)},
        identity=None,
        tagged=False,
        regional=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """AttachRolePolicy."""
        role, policy = new["role"], new["policyArn"]
        with explained(f"attaching IAM Policy ({policy}) to IAM Role ({role})"):
            aws.client("iam").attach_role_policy(RoleName=role, PolicyArn=policy)
        return Created(f"{role}/{policy}")

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """ListAttachedRolePolicies."""
        role, _, policy = identifier.partition("/")
        if not role or not policy:
            raise CloudError(f'unexpected format of ID ("{identifier}"), expected <role-name>/<policy_arn>')
        try:
            with explained(f"reading IAM Role Policy Attachment ({identifier})"):
                pages = aws.client("iam").get_paginator("list_attached_role_policies").paginate(RoleName=role)
                attached = {item["PolicyArn"] for page in pages for item in page["AttachedPolicies"]}
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        return {"policyArn": policy, "role": role} if policy in attached else None

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DetachRolePolicy."""
        try:
            with explained(f"detaching IAM Policy ({old['policyArn']}) from IAM Role ({old['role']})"):
                aws.client("iam").detach_role_policy(RoleName=old["role"], PolicyArn=old["policyArn"])
        except CloudError as error:
            if not error.means_absent():
                raise


class InstanceProfile(Resource):
    """A role for EC2 instances, such as those of a compute environment."""

    token = "aws:iam/instanceProfile:InstanceProfile"  # noqa: S105
    schema = Schema(
        "IAM Instance Profile",
        {
            "name": text(length(1, 128), _CHARACTERS, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(length(1, 102), _CHARACTERS, computed=True, replaces=True, unread=True),
            "path": text(default="/", replaces=True),
            "role": text(),
        },
        ("arn", "createDate", "uniqueId"),
        identity_limit=128,
        regional=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreateInstanceProfile, then its role."""
        client = aws.client("iam")
        name = new.get("name") or unique(new["namePrefix"])
        with explained(f"creating IAM Instance Profile ({name})"):
            profile = client.create_instance_profile(
                InstanceProfileName=name, Path=new["path"], Tags=pairs(new["tagsAll"])
            )["InstanceProfile"]
        outputs = {
            "arn": profile["Arn"],
            "createDate": profile["CreateDate"].isoformat(),
            "name": name,
            "uniqueId": profile["InstanceProfileId"],
        }
        if role := new.get("role"):
            try:
                with explained(f"adding IAM Role ({role}) to IAM Instance Profile ({name})"):
                    client.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
            except CloudError as error:
                raise PartialError(str(error), name, outputs) from error
        return Created(name, outputs)

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetInstanceProfile."""
        try:
            with explained(f"reading IAM Instance Profile ({identifier})"):
                profile = aws.client("iam").get_instance_profile(InstanceProfileName=identifier)["InstanceProfile"]
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        roles = profile.get("Roles") or []
        return {
            "arn": profile["Arn"],
            "createDate": profile["CreateDate"].isoformat(),
            "name": profile["InstanceProfileName"],
            "path": profile["Path"],
            "role": roles[0]["RoleName"] if roles else None,
            "tagsAll": unpair(profile.get("Tags", [])),
            "uniqueId": profile["InstanceProfileId"],
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """Another role, other tags."""
        client = aws.client("iam")
        with explained(f"updating IAM Instance Profile ({identifier})"):
            if "role" in changed:
                if old.get("role"):
                    client.remove_role_from_instance_profile(InstanceProfileName=identifier, RoleName=old["role"])
                if new.get("role"):
                    client.add_role_to_instance_profile(InstanceProfileName=identifier, RoleName=new["role"])
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_instance_profile(InstanceProfileName=identifier, TagKeys=to_remove)
            if to_set:
                client.tag_instance_profile(InstanceProfileName=identifier, Tags=pairs(to_set))
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Take its role out, then DeleteInstanceProfile."""
        client = aws.client("iam")
        try:
            with explained(f"deleting IAM Instance Profile ({identifier})"):
                if old.get("role"):
                    client.remove_role_from_instance_profile(InstanceProfileName=identifier, RoleName=old["role"])
                client.delete_instance_profile(InstanceProfileName=identifier)
        except CloudError as error:
            if not error.means_absent():
                raise
