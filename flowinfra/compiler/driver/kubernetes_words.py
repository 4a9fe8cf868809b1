"""How problems of a pod's values are put into words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

Problem = tuple[str, str]
"""Where in an attribute (`[0].key`, `['a b']`; empty for all of it), and what was found and is allowed."""


NO_MAPPING = "found {}, allowed: a mapping of names to texts"
"""What is said of variables that are none, with the type of what they are: the value may be secret."""


def shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def found(value: Any, allowed: str) -> str:
    return f"found {shown(value)}, allowed: {allowed}"


def place(key: Any) -> str:
    """Where an entry of a mapping is, in words."""
    return f".{key}" if isinstance(key, str) and re.fullmatch(r"\w+", key) else f"[{shown(key)}]"


def meant(name: Any, known: Iterable[str]) -> str:
    """The known name that is nearest, as a question; nothing where none is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
