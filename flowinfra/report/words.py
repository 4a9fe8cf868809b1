"""Lines of a report as spans: flowinfra's words, and untrusted names and values, which each format escapes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Role = Literal["plain", "name", "before", "after"]


@dataclass(frozen=True)
class Span:
    """A part of a line. Only the text of role `plain` is flowinfra's own; it holds no markup either."""

    text: str
    role: Role = "plain"


Phrase = tuple[Span, ...]


def phrase(*parts: Span | str) -> Phrase:
    """Make a line; plain text is flowinfra's own words."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts if part)


def plain(line: Phrase) -> str:
    """The line's text."""
    return "".join(span.text for span in line)


def names(items: Iterable[str], most: int = 5) -> list[Span | str]:
    """`a, b and 3 more`, the names as spans."""
    found = list(items)
    shown = found if len(found) <= most + 1 else found[:most]
    parts: list[Span | str] = []
    for index, item in enumerate(shown):
        if index:
            parts.append(", ")
        parts.append(Span(item, "name"))
    if len(found) > len(shown):
        parts.append(f" and {len(found) - len(shown):,} more")
    return parts


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 step`, `2 steps`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
