"""Who deploys, when, from which branch and commit: what deploy-time parameters may ask for, and outputs tell."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from flowinfra.errors import ConfigError

USER, BRANCH, NOW, COMMIT = "FLOWINFRA_USER", "FLOWINFRA_BRANCH", "FLOWINFRA_NOW", "FLOWINFRA_COMMIT"
"""Variables by which CI declares them, so that preview and `up` see the same."""

NOBODY = "unknown"
"""Who deploys where neither a variable nor the system says it (a container without users), and root: Metaflow takes
root for nobody, and refuses to go on."""

_COMMIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,99}")


@dataclass(frozen=True)
class Deployer:
    """The declared circumstances of a deployment."""

    user: str
    branch: str | None
    now: datetime
    commit: str | None = None
    """The commit that CI declares; None: that of the project's folder."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Deployer:
        """What CI declares, or else the person and moment of this `up`.

        Raises:
            ConfigError: FLOWINFRA_NOW is not an ISO 8601 time with a zone, or FLOWINFRA_COMMIT is not a commit.
        """
        environ = os.environ if environ is None else environ
        now = environ.get(NOW)
        user = environ.get(USER) or _login()
        return cls(
            user=NOBODY if user == "root" else user,
            branch=environ.get(BRANCH) or None,
            now=_time(now) if now else datetime.now(timezone.utc),
            commit=_commit(environ.get(COMMIT)),
        )


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # which of them depends on the Python and the system
        return NOBODY


def _commit(text: str | None) -> str | None:
    if not text:
        return None
    if not _COMMIT.fullmatch(text):
        raise ConfigError(
            f"{COMMIT} is {text!r}, allowed: a commit or tag of letters, digits, `.`, `_`, `/` and `-`, at most 100"
        )
    return text


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConfigError(f"{NOW} is {text!r}, allowed: a time with a zone such as 2026-01-31T06:00:00Z")
    return found
