"""How Metaflow ends names that it cuts."""

from __future__ import annotations

import base64
import hashlib


def name_digest(name: str, characters: int) -> str:
    """The end that Metaflow gives a name that is too long: so many characters of its digest, in small letters."""
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).digest()
    return base64.b32encode(digest).decode()[:characters].lower()
