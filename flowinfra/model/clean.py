"""Untrusted text made printable: no control characters, no reordering of text, no endless values, no orders to CI."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

VALUE = 160
"""Characters of a value that a report shows."""
NAME = 80
"""Characters of a name that a report shows."""
CONTEXT = 24
"""Characters of what two long values share that are shown before their difference."""

_PRINTABLE_ASCII = re.compile(r"[ -~]*")
_HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
"""Unicode categories of what shows nothing, breaks lines or turns the direction of the text around it."""


_ORDERS = re.compile(r"(?m)^([^\S\n]*):(?=:)|#(?=#(?:\[|vso\[|teamcity\[))")
"""What CI systems read out of what a job prints: `::` at a line's beginning and `##[` anywhere, and the like."""


def inert(text: str, escape: str = r"\x{:x}") -> str:
    r"""`text` of which no line is an order to a CI system (`::set-output …`, `##[error]`): as its escape (`\x3a:`)."""
    return _ORDERS.sub(lambda found: (found[1] or "") + escape.format(ord("#" if found[1] is None else ":")), text)


def visible(text: str, keep: str = "") -> str:
    r"""`text` with every character that does not show written as its escape (`\n`, `\x1b`, `\u202e`).

    `keep` lists characters that stay as they are.
    """
    if _PRINTABLE_ASCII.fullmatch(text):
        return text
    return "".join(
        char
        if char in keep or unicodedata.category(char) not in _HIDDEN
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def cut(text: str, limit: int) -> str:
    """`text` of at most about `limit` characters; what was cut is counted."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text):,} characters)"


def short(text: str) -> str:
    """A value as a report shows it."""
    return cut(visible(text), VALUE)


def name(text: str) -> str:
    """A name as a report shows it."""
    return cut(visible(text), NAME)


def pair(before: str, after: str) -> tuple[str, str]:
    """Two values as a report shows them: of long ones the part where they differ."""
    if max(len(before), len(after)) <= VALUE:
        return visible(before), visible(after)
    shared = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        shared += 1
    start = max(0, shared - CONTEXT)
    return _from(before, start), _from(after, start)


def differing(before: Any, after: Any, tell: Callable[[Any], str]) -> tuple[str, str]:
    """Two different JSON values as `tell` words them; where both read alike, what is there is as JSON has it."""
    told = pair(tell(before), tell(after))
    if told[0] != told[1]:
        return told
    one, other = (
        tell(value) if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)
        for value in (before, after)
    )
    return pair(one, other)


def show(value: Any) -> str:
    """A JSON value as a person writes it; text that could be taken for another value is quoted."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _ambiguous(value) else value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)


def _from(text: str, start: int) -> str:
    return ("…" if start else "") + cut(visible(text[start:]), VALUE)


def _ambiguous(text: str) -> bool:
    if not text or text != text.strip():
        return True
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
