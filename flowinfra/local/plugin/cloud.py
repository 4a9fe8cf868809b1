"""The embedded AWS as resources see it: clients that are made once, and failures as sentences.

boto3 is imported with the first call: a preview that finds nothing to do never needs it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from flowinfra.local.plugin.settings import REFUSAL, Settings

if TYPE_CHECKING:
    from boto3.session import Session


T = TypeVar("T")


class CloudError(Exception):
    """AWS, or this plugin in its place, refuses; the message is for the user."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code
        """AWS's own; empty where it was not AWS that refused."""

    def means_absent(self, *codes: str) -> bool:
        """Whether this is one of AWS's ways to say that a thing does not exist."""
        return self.code in ("404", "NotFound", "ResourceNotFoundException", "NoSuchEntity", *codes)


class PartialError(CloudError):
    """The resource exists, but not all of it is as asked.

    It must enter the state, or the next try would find it there.
    """

    def __init__(self, message: str, identifier: str, outputs: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.identifier = identifier
        self.outputs = dict(outputs)


class Cloud:
    """Clients of one configuration. Safe for many threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._identity: dict[str, str] | None = None

    def within(self, region: str | None) -> Scope:
        """The cloud in a region; the configuration's own where none is given."""
        return Scope(self, region or self.settings.region)

    def client(self, service: str, region: str) -> Any:
        """The boto3 client of a service."""
        client = self._clients.get((service, region))
        if client is not None:
            return client
        # One at a time: making a client parses the service's model into the session, which is not thread-safe.
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._make(service, region)
            return self._clients[service, region]

    def _make(self, service: str, region: str) -> Any:
        from boto3.session import Session
        from botocore.config import Config

        if self._session is None:
            self._session = Session(
                aws_access_key_id=self.settings.access_key,
                aws_secret_access_key=self.settings.secret_key,
            )
        endpoint = self.settings.endpoint(service)
        if endpoint is None:
            raise CloudError(f"{REFUSAL}, and no endpoint is set for the service {service}")
        config = Config(
            # No proxy of the environment may carry a call away from this machine.
            proxies={},
            connect_timeout=5,
            read_timeout=120,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=32,
            s3={"addressing_style": "path"},
        )
        return self._session.client(
            service,  # type: ignore[call-overload]
            region_name=region,
            endpoint_url=endpoint,
            config=config,
        )

    def identity(self) -> dict[str, str]:
        """Account, Arn and UserId of the caller, as STS answers."""
        if self._identity is None:
            with explained("reading the caller's identity"):
                answer = self.client("sts", self.settings.region).get_caller_identity()
            self._identity = {key: answer[key] for key in ("Account", "Arn", "UserId")}
        return self._identity

    def refuse_wrong_account(self) -> None:
        """Upstream's `allowed_account_ids` and `forbidden_account_ids`."""
        allowed, forbidden = self.settings.allowed_accounts, self.settings.forbidden_accounts
        if not allowed and not forbidden:
            return
        account = self.identity()["Account"]
        if (allowed and account not in allowed) or account in forbidden:
            raise CloudError(f"AWS account ID not allowed: {account}")


@dataclass(frozen=True)
class Scope:
    """The cloud in the region of one resource."""

    cloud: Cloud
    region: str

    def client(self, service: str) -> Any:
        """The boto3 client of a service."""
        return self.cloud.client(service, self.region)

    @property
    def account(self) -> str:
        """The account's id, twelve digits."""
        return self.cloud.identity()["Account"]

    @property
    def partition(self) -> str:
        """The partition of the region."""
        return partition(self.region)

    def arn(self, service: str, resource: str) -> str:
        """An ARN of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def partition(region: str) -> str:
    """The partition of a region."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what boto3 raises into `doing …: AWS's code: AWS's message`."""
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = str(detail.get("Code", ""))
        raise CloudError(f"{doing}: {code}: {detail.get('Message')}", code) from error
    except EndpointConnectionError as error:
        raise CloudError(
            f"{doing}: the embedded AWS does not answer ({error}). Is it running? `flowinfra local status` says so, "
            "`flowinfra local start` starts it"
        ) from error
    except BotoCoreError as error:
        raise CloudError(f"{doing}: {error}") from error


PATIENCE = 30.0
"""Seconds for which a delete waits for others. Upstream waits for minutes, for an AWS that is far away."""


def once_possible(
    action: Callable[[], T], *, code: str | tuple[str, ...], message: str = "", patience: float = PATIENCE
) -> T:
    """Try again while AWS refuses for a reason that passes by: something is being deleted, IAM needs time."""
    codes = (code,) if isinstance(code, str) else code
    deadline = time.monotonic() + patience
    while True:
        try:
            return action()
        except CloudError as error:
            if error.code not in codes or message not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.2)
