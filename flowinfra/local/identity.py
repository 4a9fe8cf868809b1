"""Access key ids that name the role behind a call.

moto enforces no policies, but the call log shows who called: whatever acts under a role of AWS's (a
job, Step Functions, EventBridge, EventBridge Scheduler) signs its requests with a key id that says which
role that is. It is readable and reversible, for tests that evaluate flowinfra's policies against what was
really called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import quote, unquote

Kind = Literal["job", "execution", "states", "events", "scheduler", "user"]
"""job: the container's role; execution: Batch's own calls for a job (secrets); states, events,
scheduler: the service's role.
"""

ACCOUNT = "123456789012"
REGION = "us-east-1"
SECRET_KEY = "flowinfra-local"  # noqa: S105  (the emulator checks no signature)
USER_KEY = "user.local"


@dataclass(frozen=True)
class Caller:
    """Who signed a request."""

    kind: Kind
    role: str
    """Name of the role; for a user, the access key id as it was."""


def access_key(kind: Kind, role_arn: str | None) -> str:
    """Access key id of `kind` acting under a role; without a role, that of the instance."""
    name = role_arn.rpartition("/")[2] if role_arn else "instance"
    return f"{kind}.{quote(name, safe='')}"


def caller(key: str) -> Caller:
    """Who an access key id stands for."""
    kind, _, role = key.partition(".")
    if kind in ("job", "execution", "states", "events", "scheduler"):
        return Caller(cast(Kind, kind), unquote(role))
    return Caller("user", key)
