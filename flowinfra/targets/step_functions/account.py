"""The account that flows go to, as a hook of Pulumi's reaches it: with the credentials of the stack's configuration."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

from flowinfra.aws_plugin.machines import Machines
from flowinfra.clouds.aws import Access, caller_account
from flowinfra.errors import ConfigError, ToolError

_opening = threading.Lock()


@dataclass(frozen=True)
class Account:
    """Clients of Step Functions, EventBridge and IAM."""

    states: Any
    events: Any
    roles: Any = None

    @property
    def machines(self) -> Machines:
        """Its state machines."""
        return Machines(self.states)


def account(config: str, region: str, expected: str) -> Account:
    """Clients as the stack's configuration says; never those of another account than the provider's.

    Raises:
        ToolError: AWS is not reached so.
    """
    with _opening:
        found = _opened(config, region, expected)
    if isinstance(found, ToolError):
        raise found
    return found


@cache
def _opened(config: str, region: str, expected: str) -> Account | ToolError:
    """Clients, or why there are none: for all flows of a program."""
    try:
        session = Access.of(json.loads(config)).session(region)
        found = caller_account(session)
    except (ToolError, ConfigError) as error:
        return ToolError(str(error))
    if found != expected:
        return ToolError(f"the flows go to the account {expected}, and the credentials here are of {found}")
    client: Any = session.client
    return Account(client("stepfunctions"), client("events"), client("iam"))
