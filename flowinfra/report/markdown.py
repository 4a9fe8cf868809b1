"""A report for a pull-request comment: always within its limit, the most important first, the rest folded or counted.

Everything untrusted stands in a code span, a code block or `<code>`, where a forge reads neither markup nor mentions
(`@user`, `#123`), nor Markdown: backslashes would not keep a mention from being one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from flowinfra.model import clean
from flowinfra.report import change, resources
from flowinfra.report.assemble import FileReport, FlowReport, Report, StackReport
from flowinfra.report.graph import Graph, mermaid
from flowinfra.report.words import Phrase, Span, count, names, phrase

LIMIT = 65_536
"""A comment's length in UTF-16 units, which the forges count no stricter than."""
MARK = "<!-- flowinfra report -->"
"""First line: by it a later run finds the comment to update."""

_RESERVED = 600
"""For the line that counts what was left out."""
_RISKS_ROOM = 24_000
"""Characters of all risks; the others are counted."""
_MESSAGES_ROOM = 12_000
"""Characters of the diagnostics of all stacks."""
_LINES = 30
"""Lines of one flow that are not folded."""
_DIFF_LINES = 400
"""Lines of one diff."""
_GROUPS = 60
"""Lines of one list of resources."""
_DIAGRAM = 45_000
"""Characters of a diagram: Mermaid refuses 50,000."""
_ROWS = 20
"""Stacks of one table."""
_RUNS = re.compile("`+")

# What goes in first while there is room.
_HEAD, _RISK, _MESSAGES, _TABLE, _FLOW, _GRAPH, _FILES, _RESOURCES = range(8)
_COUNTED = {
    _MESSAGES: ("stack's messages", "stacks' messages"),
    _FLOW: ("flow's changes", "flows' changes"),
    _GRAPH: ("graph", "graphs"),
    _FILES: ("source file", "source files"),
    _RESOURCES: ("list of resources", "lists of resources"),
}


@dataclass(frozen=True)
class Block:
    """A part of the comment that is in it as a whole, or not."""

    rank: int
    text: str
    owner: int | None = None
    """Index of the block without which this one makes no sense."""
    short: str = ""
    """Stands for `text` where that does not fit; empty for nothing."""


def render(report: Report) -> str:
    """The comment: fewer than `LIMIT` characters, whatever the report holds."""
    blocks = _blocks(report)
    shown = _fitting(blocks)
    text = "\n".join(shown[index] for index in sorted(shown))
    return f"{text}{_left_out(blocks, shown)}\n"


def _fitting(blocks: Sequence[Block]) -> dict[int, str]:
    """Index of a block → what is shown of it: by rank, and of one rank first the short forms of all."""
    room = LIMIT - _RESERVED
    shown: dict[int, str] = {}
    for rank in sorted({block.rank for block in blocks}):
        ranked = [(index, block) for index, block in enumerate(blocks) if block.rank == rank]
        for form in ("short", "text"):
            for index, block in ranked:
                text: str = getattr(block, form)
                size = _length(text) + 1 - (_length(shown[index]) + 1 if index in shown else 0)
                whole = block.owner is None or shown.get(block.owner) == blocks[block.owner].text
                if (text or form == "text") and size <= room and whole:
                    shown[index] = text
                    room -= size
    return shown


def _left_out(blocks: Sequence[Block], shown: Mapping[int, str]) -> str:
    missing = [block.rank for index, block in enumerate(blocks) if shown.get(index) != block.text]
    told = [count(missing.count(rank), *words) for rank, words in _COUNTED.items() if rank in missing]
    if not missing:
        return ""
    what = ", ".join(told) or "rows of the table"
    return f"\n> **Left out, for the length of a comment:** {what}. `-f html` has all of it.\n"


def _blocks(report: Report) -> list[Block]:
    """All blocks in the order of the document."""
    stacks = report.stacks
    blocks = [Block(_HEAD, f"{MARK}\n{_title(report)}\n")]
    blocks += [Block(_TABLE, _table(stacks[start : start + _ROWS])) for start in range(0, len(stacks), _ROWS)]
    blocks += _risks(stacks)
    for stack in stacks:
        if len(stacks) > 1:
            blocks.append(Block(_HEAD, f"## {_code(stack.stack)}\n"))
        if stack.failed or stack.diagnostics:
            blocks.append(Block(_MESSAGES, _diagnostics(stack, _MESSAGES_ROOM // len(stacks))))
        packages = [flow for flow in stack.flows if _only_package(flow)]
        for flow in stack.flows:
            if not _only_package(flow):
                owner = len(blocks)
                blocks.append(Block(_FLOW, _flow(flow), short=_flow_in_short(flow)))
                blocks += [Block(_GRAPH, _graph(flow.graph, flow.kind == "changed"), owner)] if flow.graph else []
                blocks += [Block(_RESOURCES, _resources(flow.resources), owner)] if flow.resources else []
        if packages:
            blocks.append(Block(_FLOW, _packages(packages)))
        if stack.resources:
            blocks.append(Block(_RESOURCES, "**Resources of no flow**\n\n" + _resources(stack.resources)))
    blocks += [Block(_FILES, _file(file)) for file in report.files]
    return [replace(block, text=clean.inert(block.text), short=clean.inert(block.short)) for block in blocks]


def _only_package(flow: FlowReport) -> bool:
    """Whether only the code package of a flow changes; such flows are listed together."""
    return flow.kind == "package only" and not flow.risks


def _title(report: Report) -> str:
    changing = [stack for stack in report.stacks if stack.changes]
    if report.failed:
        return "# The preview failed"
    if not changing:
        return "# No change"
    flows = sum(len(stack.flows) for stack in changing)
    what = f"{count(flows, 'flow')} {'changes' if flows == 1 else 'change'}" if flows else "Resources change"
    risks = f", {count(report.risks, 'risk')}" if report.risks else ""
    return f"# {what} in {_line(phrase(*names(stack.stack for stack in changing)))}{risks}"


def _table(reports: Iterable[StackReport]) -> str:
    lines = ["| stack | flows | resources | risks |", "|---|---|---|---|"]
    for report in reports:
        risks = f"**{len(report.all_risks)}**" if report.all_risks else "none"
        stack = _code(report.stack).replace("|", "\\|")
        flows = "preview failed" if report.failed else report.flows_in_words()
        lines.append(f"| {stack} | {flows} | {report.resources_in_words()} | {risks} |")
    return "\n".join(lines) + "\n"


def _risks(stacks: Sequence[StackReport]) -> list[Block]:
    """The risks, as many as leave room for the flows; the others by their kind."""
    lines: list[str] = []
    room = _RISKS_ROOM
    rest: dict[str, int] = {}
    for stack in stacks:
        for owners, risk in stack.risk_lines:
            where: list[Span | str] = [Span(stack.stack, "name"), " " if owners else ""] if len(stacks) > 1 else []
            who = phrase(*where, *names(owners), ": " if where or owners else "")
            line = f"> - {_line(who)}{_line(risk.line)}"
            room -= _length(line) + 1
            if room > 0:
                lines.append(line)
            else:
                rest[risk.kind] = rest.get(risk.kind, 0) + max(1, len(owners))
    if rest:
        counted = ", ".join(f"{number:,} {kind}" for kind, number in rest.items())
        lines.append(f"> - and {sum(rest.values()):,} more: {counted}")
    return [Block(_RISK, "\n".join(["> [!WARNING]", "> **Risks**", ">", *lines, ""]))] if lines else []


def _diagnostics(stack: StackReport, most: int) -> str:
    told = "**The preview failed: what follows is not all there is.**\n\n" if stack.failed else ""
    # indented: bots and GitLab read `/command` at a line's beginning, in a code block too
    messages = "\n".join(f"{each.severity}: {each.message}".replace("\n", "\n  ") for each in stack.diagnostics)
    return told + (_fenced(clean.cut(messages, most), "") if messages else "")


def _flow(flow: FlowReport) -> str:
    words = change.fact if flow.kind in ("new", "removed") else change.words
    told = [f"- {_line(words(each))}" for each in flow.changes]
    if flow.files:
        told.append(f"- {_line(_packaged(flow.files))}")
    lines = [f"### {_code(flow.label)} {flow.kind}\n", *told[:_LINES]]
    if folded := told[_LINES : 10 * _LINES]:
        rest = len(told) - _LINES - len(folded)
        folded += [f"- and {rest:,} more"] if rest else []
        lines.append("\n" + _details(count(len(told) - _LINES, "more change"), "\n".join(folded)))
    return "\n".join(lines) + "\n"


def _flow_in_short(flow: FlowReport) -> str:
    told = [count(len(flow.changes), "change")] if flow.changes else []
    told += [count(len(flow.risks), "risk")] if flow.risks else []
    return f"### {_code(flow.label)} {flow.kind}\n\n{', '.join(told)}\n"


def _packaged(files: Sequence[FileReport]) -> Phrase:
    """Which files of a flow's package change."""
    parts: list[Span | str] = []
    for kind in ("changed", "added", "removed"):
        if paths := [file.path for file in files if file.kind == kind]:
            parts += ["; " if parts else "", *names(paths), f" {kind}"]
    return phrase("package: ", *parts)


def _packages(flows: Sequence[FlowReport]) -> str:
    """Flows whose code package alone changes, those with the same files on one line."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for flow in flows:
        groups.setdefault(tuple(file.path for file in flow.files), []).append(flow.label)
    lines = [f"### Package only: {count(len(flows), 'flow')}\n"]
    for files, owners in groups.items():
        because = phrase(" (", *names(files), " changed)") if files else ()
        lines.append(f"- {_line(phrase(*names(owners, most=20)))}{_line(because)}")
    return "\n".join(lines) + "\n"


def _graph(graph: Graph, unfolded: bool) -> str:
    diagram = mermaid(graph)
    if len(diagram) > _DIAGRAM:
        return _details("Graph", "Too large for Mermaid; `-f html` draws it.")
    more = f"\n\n{count(graph.left_out, 'more step')} not drawn." if graph.left_out else ""
    return _details("Graph", _fenced(diagram, "mermaid") + more, unfolded)


def _file(file: FileReport) -> str:
    if file.diff is None:
        hashes = f"{_code(file.before or 'none')} → {_code(file.after or 'none')}"
        return f"- source file {_code(file.path)} {file.kind} ({hashes})\n"
    lines = file.diff[:_DIFF_LINES]
    more = f"\n\n{len(file.diff) - len(lines):,} more lines" if len(file.diff) > len(lines) else ""
    summary = Markup("Source file <code>{}</code> {}").format(file.path, file.kind)
    return _details(summary, _fenced("\n".join(lines), "diff") + more)


def _resources(found: Sequence[resources.ResourceChange]) -> str:
    counts = {action: sum(each.action == action for each in found) for action in resources.ACTIONS}
    summary = ", ".join(f"{number} {action}" for action, number in counts.items() if number)
    groups = resources.grouped(found)
    lines = [f"- {group.action} {_line(group.line)}" for group in groups[:_GROUPS]]
    lines += [f"- and {len(groups) - _GROUPS:,} more"] if len(groups) > _GROUPS else []
    return _details(f"Resources: {summary}", "\n".join(lines))


def _details(summary: str, body: str, unfolded: bool = False) -> str:
    return f"<details{' open' if unfolded else ''}><summary>{summary}</summary>\n\n{body}\n\n</details>\n"


def _line(line: Phrase) -> str:
    return "".join(span.text if span.role == "plain" else _code(span.text) for span in line)


def _code(text: str) -> str:
    """A code span that nothing in `text` can end."""
    if not text:
        return '`""`'
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text[0] in " `" or text[-1] in " `" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _fenced(text: str, language: str) -> str:
    """A code block that nothing in `text` can end."""
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
