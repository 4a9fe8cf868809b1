"""Step Functions calls other services under the state machine's role.

AWS: service integrations use the execution role
(https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html).

moto: all calls of the interpreter carry one fixed key, go to `localhost` (which may be another program's
IPv6 port), and build a new client each.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import boto3
import moto.stepfunctions.parser.asl.utils.boto_client as boto_client
import moto.stepfunctions.parser.models  # noqa: F401  (imports all that imports `boto_client_for`)
from botocore.config import Config

from flowinfra.local import identity, wiring
from flowinfra.local.mends.mend import Mend, Patch, patch

_client_for = boto_client.boto_client_for
_YEAR = 365 * 24 * 3600
_CONFIG = Config(
    parameter_validation=False,
    retries={"total_max_attempts": 1},
    connect_timeout=10,
    read_timeout=_YEAR,
    max_pool_connections=100,
    proxies={},
)


def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
    """A client of a service for a state machine's role, made once."""
    return _client(region, service, getattr(state_credentials, "role_arn", None), wiring.current().endpoint)


@functools.cache
def _client(region: str, service: str, role: str | None, endpoint: str) -> Any:
    return boto3.session.Session().client(  # type: ignore[call-overload]
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=identity.access_key("states", role),
        aws_secret_access_key=identity.SECRET_KEY,
        config=_CONFIG,
    )


def _importers() -> tuple[Patch, ...]:
    return tuple(
        patch(module, "boto_client_for", client_for)
        for name, module in sorted(sys.modules.items())
        if name.startswith("moto.stepfunctions.parser.") and getattr(module, "boto_client_for", None) is _client_for
    )


MEND = Mend("clients", _importers())
