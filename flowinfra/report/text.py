"""A report for a terminal: coloured and wrapped to its width, plain and unwrapped lines where it is piped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from rich.console import Console
from rich.text import Text

from flowinfra.model import clean
from flowinfra.report import change, resources
from flowinfra.report.assemble import FileReport, FlowReport, Report, StackReport
from flowinfra.report.words import Phrase, count, names, phrase

_ROLES = {"plain": "", "name": "bold", "before": "red", "after": "green"}
_MARKS = {
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
    "new": ("+", "green"),
    "resources only": ("~", "cyan"),
    "package only": ("~", "cyan"),
}
_ACTIONS = {
    "deleted": "red",
    "replaced": "magenta",
    "retained": "cyan",
    "created": "green",
    "updated": "yellow",
    "imported": "green",
}
_KINDS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "renamed": ("~", "cyan")}
_DIFF = {"+": "green", "-": "red", "@": "cyan"}
_HEIGHT = 25
"""Lines of a terminal whose width is given: nothing depends on them."""
_NARROW = 20
"""Columns that are left to a line, however deep it is indented."""


def render(report: Report, out: IO[str], *, terminal: bool | None = None, width: int | None = None) -> None:
    """Write the report.

    Args:
        report: what to write.
        out: where to; colours and wrapping are for terminals (NO_COLOR is respected).
        terminal: whether `out` is one; None finds out.
        width: columns of the terminal; None finds out.
    """
    # a width without a height does not count for rich where TERM is dumb
    height = None if width is None else _HEIGHT
    page = _Page(Console(file=out, highlight=False, force_terminal=terminal, width=width, height=height))
    for index, stack in enumerate(report.stacks):
        if index:
            page.gap()
        _stack(page, stack)
    _diffs(page, report.files)


class _Page:
    """Lines with an indent that holds when they are wrapped."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, level: int, *parts: str | tuple[str, str] | Text) -> None:
        """Write a line, two columns in for each level."""
        indent = " " * (2 * level)
        text = Text.assemble(*parts)
        if not self._console.is_terminal:
            # a pipe's lines are not wrapped, so that they can be searched
            for line in text.plain.split("\n"):
                print(clean.inert(f"{indent}{line}".rstrip()), file=self._console.file)
            return
        wrapped = text.wrap(self._console, max(_NARROW, self._console.width - len(indent) - 2))
        for number, each in enumerate(wrapped):
            # where a line is broken, another one begins
            part = each if clean.inert(each.plain) == each.plain else Text(clean.inert(each.plain))
            self._console.print(Text.assemble(indent, "  " if number else "", part), soft_wrap=True)

    def gap(self) -> None:
        """Write an empty line."""
        self.line(0, "")


def _stack(page: _Page, stack: StackReport) -> None:
    page.line(
        0,
        (stack.stack, "bold"),
        ("  preview failed, so far " if stack.failed else "  ", "bold red"),
        f"flows: {stack.flows_in_words()}; resources: {stack.resources_in_words()}; ",
        (stack.risks_in_words(), "bold red" if stack.all_risks else ""),
    )
    for each in stack.diagnostics:
        page.line(1, (f"{each.severity}: ", "red" if each.severity == "error" else "yellow"), each.message)
    if stack.all_risks:
        page.gap()
        page.line(1, ("Risks", "bold red"))
    for owners, risk in stack.risk_lines:
        page.line(2, ("! ", "red"), _text(phrase(*names(owners), ": " if owners else "")), _text(risk.line))
    for flow in stack.flows:
        page.gap()
        _flow(page, flow)
    if stack.resources:
        page.gap()
        page.line(1, ("Resources of no flow", "bold"))
        _resources(page, 2, stack.resources)


def _flow(page: _Page, flow: FlowReport) -> None:
    mark, style = _MARKS[flow.kind]
    page.line(1, (f"{mark} ", style), (flow.label, "bold"), f" {flow.kind}")
    for each in flow.changes:
        if flow.kind in ("new", "removed"):
            page.line(3, _text(change.fact(each)))
        else:
            sign, style = _KINDS[each.kind]
            page.line(3, (f"{sign} ", style), _text(change.words(each)))
    for file in flow.files:
        page.line(3, *_file(file))
    _resources(page, 3, flow.resources)


def _file(file: FileReport) -> list[str | tuple[str, str]]:
    sign, style = _KINDS[file.kind]
    hashes = f" ({file.before or 'none'} → {file.after or 'none'})" if file.diff is None else ""
    return [(f"{sign} ", style), f"file {file.path} {file.kind}", (hashes, "dim")]


def _diffs(page: _Page, files: Iterable[FileReport]) -> None:
    for file in files:
        if file.diff is not None:
            page.gap()
            page.line(0, *_file(file))
        for line in file.diff or ():
            page.line(1, (line.expandtabs(), _DIFF.get(line[:1], "")))


def _resources(page: _Page, level: int, found: Iterable[resources.ResourceChange]) -> None:
    listed = list(found)
    if listed:
        page.line(level, (count(len(listed), "resource"), "dim"))
    for group in resources.grouped(listed):
        page.line(level + 1, (f"{group.action} ", _ACTIONS[group.action]), _text(group.line))


def _text(line: Phrase) -> Text:
    return Text.assemble(*((span.text, _ROLES[span.role]) for span in line))
