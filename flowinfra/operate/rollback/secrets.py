"""Whether the secrets that flows of an earlier deployment read are still there; their values are not asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.errors import ConfigError
from flowinfra.model.compiled import AWS_SECRETS, CompiledFlow, Secret

_SETTING = "METAFLOW_AWS_SECRETS_MANAGER_DEFAULT_REGION"
_GONE = "ResourceNotFoundException"


@dataclass(frozen=True)
class _Read:
    """A secret that a step reads."""

    flow: str
    step: str
    secret: Secret
    region: str | None


def secret_warnings(flows: Mapping[str, CompiledFlow], session: boto3.Session) -> list[str]:
    """Ask Secrets Manager for the secrets of `@secrets`; return what it does not tell.

    Args:
        flows: name → flow, of those that come back.
        session: of the stack's account.

    Raises:
        ConfigError: some are not there any more; the message has all of them.
    """
    gone, unknown = [], []
    for read in _reads(flows):
        where = f"{read.flow}: step {read.step} reads the secret {read.secret.told}"
        try:
            client = session.client("secretsmanager", region_name=read.region)
            if "DeletedDate" in client.describe_secret(SecretId=read.secret.id):
                gone.append(f"{where}, which is being deleted: `aws secretsmanager restore-secret` keeps it")
        except ClientError as error:
            if error.response["Error"]["Code"] == _GONE:
                gone.append(f"{where}, which does not exist any more: make it anew")
            else:
                unknown.append(f"{where}; whether it exists is not known: {error}")
        except BotoCoreError as error:
            unknown.append(f"{where}; whether it exists is not known: {error}")
    if gone:
        raise ConfigError("nothing was deployed, since its runs would fail:\n" + "\n".join(gone))
    return unknown


def _reads(flows: Mapping[str, CompiledFlow]) -> list[_Read]:
    """Each secret once for a flow; not those that a role of another place fetches."""
    found: dict[tuple[str, Secret], _Read] = {}
    for name, compiled in flows.items():
        setting = compiled.shape.settings.get(_SETTING)
        for step, about in compiled.flow.steps.items():
            for secret in about.secrets:
                if secret.backend == AWS_SECRETS and secret.role is None:
                    own = secret.id.split(":")[3] if secret.id.startswith("arn:") else None
                    region = own or secret.region or setting or None
                    found.setdefault((name, secret), _Read(name, step, secret, region))
    return list(found.values())
