"""Names as Metaflow makes them: the ends of those that it cuts, and who its user is."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping


def name_digest(name: str, characters: int) -> str:
    """The end that Metaflow gives a name that is too long: so many characters of its digest, in small letters."""
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).digest()
    return base64.b32encode(digest).decode()[:characters].lower()


def user_name(variables: Mapping[str, str]) -> str | None:
    """Who Metaflow says that its user is, by the variables of an environment; None for nobody and root."""
    names = ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER")
    return next((variables[name] for name in names if variables.get(name) not in (None, "", "root")), None)
