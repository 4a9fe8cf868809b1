"""The AWS account of a stack, as the commands beside Pulumi reach it: with the settings of the stack's Pulumi provider.

`aws:profile`, `aws:region` and `aws:assumeRoles` of the stack's configuration count here as they do there. Credentials
of another account are refused: whoever looks there finds none of the stack's state machines, and would take what they
need for a leftover.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.errors import ConfigError, ToolError

_SESSION_NAME = "flowinfra"


@dataclass(frozen=True)
class Access:
    """How a stack's configuration says that its account is reached."""

    profile: str | None = None
    region: str | None = None
    roles: tuple[Mapping[str, Any], ...] = ()
    """`aws:assumeRoles`: taken on one after the other."""
    accounts: frozenset[str] = frozenset()
    """Accounts that the configuration names; empty where it names none."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Access:
        """Read the access from a stack's configuration: values as its file has them, or as JSON text.

        Raises:
            ConfigError: `aws:assumeRoles` is not a list of mappings with a `roleArn`.
        """
        roles = _value(config, "aws:assumeRoles") or []
        if single := _value(config, "aws:assumeRole"):
            roles = [*roles, single]
        for role in roles if isinstance(roles, list) else [roles]:
            if not isinstance(role, Mapping) or not isinstance(role.get("roleArn"), str):
                raise ConfigError(
                    "aws:assumeRoles of the stack's file is not a list of mappings, each with the `roleArn` of a role"
                )
        platform = _value(config, "flowinfra:platform") or {}
        account = platform.get("account") if isinstance(platform, Mapping) else None
        allowed = _value(config, "aws:allowedAccountIds") or []
        return cls(
            profile=_value(config, "aws:profile"),
            region=_value(config, "aws:region"),
            roles=tuple(roles),
            accounts=frozenset(map(str, [account] if account else allowed)),
        )

    def session(self, region: str | None = None) -> boto3.Session:
        """A session as the provider has it.

        Raises:
            ToolError: the profile does not exist, or a role cannot be taken on.
        """
        region = region or self.region
        try:
            session = boto3.Session(profile_name=self.profile, region_name=region)
            for role in self.roles:
                session = _assumed(session, role, region)
        except (BotoCoreError, ClientError) as error:
            raise ToolError(f"AWS is not reached as the stack's configuration says: {error}") from None
        return session


NOTHING_SAID = Access()
"""Access by a configuration that says nothing: with what the shell has."""


def refuse_other_account(session: boto3.Session, accounts: Iterable[str], who: str) -> None:
    """Refuse credentials of an account that is not among `accounts`; where that is empty, every account is allowed.

    Raises:
        ToolError: they are of another account, or AWS does not say.
    """
    expected = sorted(set(accounts))
    if not expected:
        return
    found = caller_account(session)
    if found not in expected:
        raise ToolError(
            f"{who} is in the AWS account {', '.join(expected)}, and the credentials here are of {found}: nothing was "
            "done. Use those of the stack: `aws:profile` or `aws:assumeRoles` in its file, or AWS_PROFILE"
        )


def refuse_foreign_buckets(session: boto3.Session, buckets: Collection[str], who: str) -> None:
    """Refuse credentials of an account that does not own the datastore: the only check where no account is named.

    Raises:
        ToolError: a bucket is another account's.
    """
    if not buckets:
        return
    account, s3 = caller_account(session), session.client("s3")
    for bucket in sorted(buckets):
        try:
            s3.head_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError):
            continue  # told by whoever reads from it
        try:
            s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
                raise ToolError(
                    f"{who}: the bucket {bucket} can be read, but is not of the account {account} that the credentials "
                    "here are of: nothing was done. If the stack is in this account, say so: `account` of its "
                    "`flowinfra:platform`"
                ) from None
        except BotoCoreError:
            continue


def caller_account(session: boto3.Session) -> str:
    """The account that a session's credentials are of.

    Raises:
        ToolError: AWS does not say.
    """
    try:
        return str(
            session.client("sts", region_name=session.region_name or "us-east-1").get_caller_identity()["Account"]
        )
    except (BotoCoreError, ClientError) as error:
        raise ToolError(f"which account the credentials are of cannot be asked: {error}") from None


def accounts_of(resources: Iterable[Mapping[str, Any]]) -> set[str]:
    """Accounts that resources of a stack's state are in, by ids that are ARNs of state machines and jobs."""
    ids = (str(item.get("id", "")).split(":") for item in resources)
    return {parts[4] for parts in ids if len(parts) > 5 and parts[0] == "arn" and parts[2] in ("states", "batch")}


def _assumed(session: boto3.Session, role: Mapping[str, Any], region: str | None) -> boto3.Session:
    wanted: dict[str, Any] = {
        "RoleArn": role["roleArn"],
        "RoleSessionName": role.get("sessionName") or _SESSION_NAME,
        "ExternalId": role.get("externalId"),
        "Policy": role.get("policy"),
        "SourceIdentity": role.get("sourceIdentity"),
    }
    client = session.client("sts", region_name=region or session.region_name or "us-east-1")
    found = client.assume_role(**{key: value for key, value in wanted.items() if value is not None})["Credentials"]
    return boto3.Session(
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
        region_name=region or session.region_name,
    )


def _value(config: Mapping[str, Any], key: str) -> Any:
    value = config.get(key)
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
