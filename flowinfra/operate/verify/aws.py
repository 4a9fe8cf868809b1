"""Calls to AWS, from many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.errors import ToolError

THREADS = 24
_ABSENT = {
    "404",
    "NoSuchBucket",
    "NoSuchEntity",
    "NoSuchKey",
    "NotFound",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
}


class Calls:
    """Clients of a session, made once each; safe for many threads."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        # many calls at once meet limits of their rate: the client then slows down
        self._config = Config(max_pool_connections=THREADS, retries={"mode": "adaptive", "total_max_attempts": 10})

    def ask(self, region: str, service: str, call: str, **arguments: Any) -> dict[str, Any] | None:
        """Ask AWS, and return its answer; None where the thing does not exist.

        Raises:
            ToolError: AWS refuses, or is not reached.
        """
        try:
            answer: dict[str, Any] = self._method(region, service, call)(**arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                return None
            raise ToolError(f"cannot be read: {error}") from None
        except BotoCoreError as error:
            raise ToolError(f"cannot be read: {error}") from None
        return answer

    def _method(self, region: str, service: str, call: str) -> Callable[..., dict[str, Any]]:
        # making a client parses the service's model into the session, which is not thread-safe
        with self._lock:
            client = self._clients.get((region, service))
            if client is None:
                client = self._session.client(service, region_name=region, config=self._config)  # type: ignore[call-overload]
                self._clients[region, service] = client
        method: Callable[..., dict[str, Any]] = getattr(client, call)
        return method
