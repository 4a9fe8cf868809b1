"""`secrets` of a job definition: variables whose values Batch reads from Secrets Manager or SSM
when a job starts.

https://docs.aws.amazon.com/batch/latest/userguide/specifying-sensitive-data-secrets.html. Read over
the API under the job's execution role, so that the call log shows what that role needs. Values go
into the job's environment only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import ClientError

from flowinfra.errors import LocalError
from flowinfra.local import identity


def resolve(secrets: Sequence[Mapping[str, str]], execution_role: str | None, endpoint: str) -> dict[str, str]:
    """Variable → value.

    Raises LocalError in ECS's words if one cannot be read: the job then fails to start.
    """
    values = {}
    for secret in secrets:
        try:
            values[secret["name"]] = _read(secret["valueFrom"], execution_role, endpoint)
        except (ClientError, KeyError, ValueError) as error:
            raise LocalError(
                "ResourceInitializationError: unable to pull secrets or registry auth: "
                f"unable to retrieve secret from {secret['valueFrom']}: {error}"
            ) from error
    return values


def _read(source: str, execution_role: str | None, endpoint: str) -> str:
    if ":secretsmanager:" not in source:
        name = source.partition(":parameter")[2] if source.startswith("arn:") else source
        found = _client("ssm", execution_role, endpoint).get_parameter(Name=name, WithDecryption=True)
        return str(found["Parameter"]["Value"])
    # arn:partition:secretsmanager:region:account:secret:name[:json-key[:version-stage[:version-id]]]
    parts = source.split(":")
    key, stage, version = [*parts[7:], "", "", ""][:3]
    which = {"VersionStage": stage} if stage else {}
    which |= {"VersionId": version} if version else {}
    client = _client("secretsmanager", execution_role, endpoint)
    text = str(client.get_secret_value(SecretId=":".join(parts[:7]), **which)["SecretString"])
    return str(json.loads(text)[key]) if key else text


def _client(service: str, execution_role: str | None, endpoint: str) -> Any:
    return boto3.session.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint,
        region_name=identity.REGION,
        aws_access_key_id=identity.access_key("execution", execution_role),
        aws_secret_access_key=identity.SECRET_KEY,
    )
