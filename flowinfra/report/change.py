"""One line of what changes, as data, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from flowinfra.report.words import Phrase, Span, names, phrase

Kind = Literal["added", "removed", "changed", "renamed"]


@dataclass(frozen=True)
class Change:
    """One line. `subject`, `what`, `unit` and `note` are flowinfra's words; all else is untrusted, made printable."""

    kind: Kind
    subject: str = ""
    """step, parameter, schedule, …; empty for an input that flowinfra has no word for."""
    names: tuple[str, ...] = ()
    """Which steps, which parameter; empty where there is but one."""
    what: str = ""
    """memory, default, …"""
    key: str = ""
    """Name inside `what`: an environment variable, a decorator's attribute."""
    before: str | None = None
    after: str | None = None
    unit: str = ""
    note: str = ""
    everywhere: bool = False
    """`names` are all steps of the flow."""


@dataclass(frozen=True)
class FileChange:
    """A source file of the code package."""

    kind: Kind
    path: str
    """Path from the inputs, unchanged: untrusted, and not yet made printable."""
    before: str | None = None
    """First characters of the content's sha256."""
    after: str | None = None


@dataclass(frozen=True)
class Delta:
    """All that differs between two versions of a flow."""

    changes: tuple[Change, ...] = ()
    files: tuple[FileChange, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Step's old name → new name."""
    repackaged: bool = False
    """The code package differs."""


def words(change: Change) -> Phrase:
    """A change as a line: `step train: memory 4096 → 8192 MB`."""
    head = _subject(change)
    detail: list[Span | str] = [change.what, " " if change.what and change.key else "", Span(change.key, "name")]
    line = [*head, ": " if head and (change.what or change.key) else "", *detail]
    unit = f" {change.unit}" if change.unit else ""
    if change.kind == "renamed":
        line += [" renamed to ", Span(change.after or "", "after")]
    elif change.kind == "changed":
        gap = " " if change.what or change.key else ": "
        line += [gap, Span(change.before or "", "before"), " → ", Span(change.after or "", "after"), unit]
    else:
        line.append(f" {change.kind}")
        if change.after is not None:
            line += [": ", Span(change.after, "after"), unit]
        elif change.before is not None:
            line += [", was ", Span(change.before, "before"), unit]
    return _tidy(*line, f" ({change.note})" if change.note else "")


def fact(change: Change) -> Phrase:
    """A line about a flow that is new or leaves: `schedule: 0 0 * * ? * (once a day)`."""
    value = Span(change.after or change.before or "", "name")
    return _tidy(*_subject(change), ": ", value, f" ({change.note})" if change.note else "")


def on_step(change: Change) -> Phrase:
    """A change where the step's name is known already, as in the graph."""
    return words(replace(change, subject="", names=(), everywhere=False))


def _subject(change: Change) -> list[Span | str]:
    if change.everywhere:
        return [f"all {len(change.names)} steps"]
    word = change.subject + ("s" if len(change.names) > 1 else "")
    return [each for each in (word, " " if word and change.names else "", *names(change.names)) if each]


def _tidy(*parts: Span | str) -> Phrase:
    """A phrase without empty parts and without a space at its beginning."""
    line = phrase(*(part for part in parts if not isinstance(part, Span) or part.text or part.role != "name"))
    if line and line[0].role == "plain":
        line = (Span(line[0].text.lstrip(" :")), *line[1:])
    return line
