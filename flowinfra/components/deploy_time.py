"""Who deploys, when and from which branch: what callables of deploy-time parameters may ask for."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from flowinfra.errors import ConfigError

USER, BRANCH, NOW = "FLOWINFRA_USER", "FLOWINFRA_BRANCH", "FLOWINFRA_NOW"
"""Variables by which CI declares them, so that preview and `up` see the same."""


@dataclass(frozen=True)
class Deployer:
    """The declared circumstances of a deployment."""

    user: str
    branch: str | None
    now: datetime

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Deployer:
        """What CI declares, or else the person and moment of this `up`.

        Raises:
            ConfigError: FLOWINFRA_NOW is no ISO 8601 time with a zone.
        """
        environ = os.environ if environ is None else environ
        now = environ.get(NOW)
        return cls(
            user=environ.get(USER) or getpass.getuser(),
            branch=environ.get(BRANCH) or None,
            now=_time(now) if now else datetime.now(timezone.utc),
        )


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConfigError(f"{NOW} is {text!r}, allowed: a time with a zone such as 2026-01-31T06:00:00Z")
    return found
