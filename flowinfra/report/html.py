"""A report as one HTML file: no script, no network, light and dark, from a phone's width up.

Every text from a preview goes through `html.escape`; a content security policy forbids whatever else might come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from flowinfra.model import clean
from flowinfra.report import change, resources, svg
from flowinfra.report.assemble import FileReport, FlowReport, Report, StackReport
from flowinfra.report.words import Phrase, count, names, phrase, plain

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_DIFF = {"+": "ins", "-": "del", "@": "at"}
_REFERENCE = "&#x{:x};"
"""How a character is written that is not to be read as an order to CI: it shows the same, in the same width."""
_TAGS = {"name": "b", "before": "del", "after": "ins"}


def render(report: Report) -> str:
    """The page."""
    title = _title(report)
    body = "".join(
        [
            f"<header><h1>{_line(title)}</h1></header>",
            _contents(report),
            *(_stack(stack, index, len(report.stacks) > 1) for index, stack in enumerate(report.stacks)),
            _sources(report.files),
        ]
    )
    style = files("flowinfra.report").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{clean.inert(escape(plain(title)), _REFERENCE)}</title><style>{style}</style></head>"
        f"<body>{svg.markers()}<main>{clean.inert(body, _REFERENCE)}</main></body></html>\n"
    )


def _title(report: Report) -> Phrase:
    changing = [stack for stack in report.stacks if stack.changes]
    if report.failed:
        return phrase("The preview failed")
    if not changing:
        return phrase("No change")
    flows = sum(len(stack.flows) for stack in changing)
    what = f"{count(flows, 'flow')} {'changes' if flows == 1 else 'change'}" if flows else "Resources change"
    return phrase(f"{what} in ", *names(stack.stack for stack in changing))


def _contents(report: Report) -> str:
    """Links to all flows."""
    rows = []
    for number, stack in enumerate(report.stacks):
        for index, flow in enumerate(stack.flows):
            risks = f'<span class="badge risk">{count(len(flow.risks), "risk")}</span>' if flow.risks else ""
            where = f"{escape(stack.stack)} / " if len(report.stacks) > 1 else ""
            rows.append(
                f'<li><a href="#s{number}f{index}">{where}{escape(flow.label)}</a> {_badge(flow.kind)}{risks}</li>'
            )
    if len(rows) < 2:
        return ""
    return f'<nav aria-label="Flows"><ul class="contents">{"".join(rows)}</ul></nav>'


def _stack(stack: StackReport, number: int, several: bool) -> str:
    facts = [("flows", stack.flows_in_words()), ("resources", stack.resources_in_words())]
    told = "".join(f"<div><dt>{name}</dt><dd>{words}</dd></div>" for name, words in facts)
    risk = ' class="risk"' if stack.all_risks else ""
    told += f"<div{risk}><dt>risks</dt><dd>{len(stack.all_risks) or 'none'}</dd></div>"
    heading = f"<h2>{escape(stack.stack)}</h2>" if several else f'<h2 class="quiet">{escape(stack.stack)}</h2>'
    flows = "".join(_flow(flow, f"s{number}f{index}") for index, flow in enumerate(stack.flows))
    others = f"<article><h3>Resources of no flow</h3>{_resources(stack.resources, True)}</article>"
    return (
        f'<section class="stack">{heading}<dl class="facts">{told}</dl>{_diagnostics(stack)}{_risks(stack)}'
        f"{flows}{others if stack.resources else ''}</section>"
    )


def _diagnostics(stack: StackReport) -> str:
    if not stack.diagnostics and not stack.failed:
        return ""
    failed = "<p><strong>The preview failed: what follows is not all there is.</strong></p>" if stack.failed else ""
    messages = "".join(
        f'<li class="{"error" if each.severity == "error" else "warning"}"><b>{escape(each.severity)}</b> '
        f"{escape(each.message)}</li>"
        for each in stack.diagnostics
    )
    return f'<div class="diagnostics">{failed}<ul>{messages}</ul></div>'


def _risks(stack: StackReport) -> str:
    items = [
        f"<li>{_line(phrase(*names(owners), ': ' if owners else ''))}{_line(risk.line)}</li>"
        for owners, risk in stack.risk_lines
    ]
    if not items:
        return ""
    return f'<div class="risks"><h3>{count(len(stack.all_risks), "risk")}</h3><ul>{"".join(items)}</ul></div>'


def _flow(flow: FlowReport, anchor: str) -> str:
    words = change.fact if flow.kind in ("new", "removed") else change.words
    lines = [f'<li class="{each.kind}">{_line(words(each))}</li>' for each in flow.changes]
    lines += [
        f'<li class="{file.kind}">file <b>{escape(file.path)}</b> {file.kind}{_hashes(file)}</li>'
        for file in flow.files
    ]
    changes = f'<ul class="changes">{"".join(lines)}</ul>' if lines else ""
    picture = ""
    if flow.graph:
        more = f"<figcaption>{count(flow.graph.left_out, 'more step')} not drawn</figcaption>"
        picture = (
            f'<figure><div class="frame" tabindex="0" role="region" aria-label="Graph of {escape(flow.label)}">'
            f"{svg.draw(flow.graph, flow.label)}</div>{more if flow.graph.left_out else ''}</figure>"
        )
    return (
        f'<article id="{anchor}" class="{flow.kind.split()[0]}"><h3>{escape(flow.label)} {_badge(flow.kind)}</h3>'
        f'<div class="columns">{changes}{picture}</div>{_resources(flow.resources)}</article>'
    )


def _resources(found: Sequence[resources.ResourceChange], unfolded: bool = False) -> str:
    if not found:
        return ""
    items = "".join(f"<li>{group.action} {_line(group.line)}</li>" for group in resources.grouped(found))
    opened = " open" if unfolded else ""
    return f"<details{opened}><summary>{count(len(found), 'resource')}</summary><ul>{items}</ul></details>"


def _sources(found: Iterable[FileReport]) -> str:
    parts = [
        f"<details><summary><b>{escape(file.path)}</b> {file.kind}</summary><pre>{_diff(file.diff)}</pre></details>"
        for file in found
        if file.diff is not None
    ]
    return f'<section class="sources"><h2>Source files</h2>{"".join(parts)}</section>' if parts else ""


def _diff(lines: Iterable[str]) -> str:
    return "".join(f'<span class="{_DIFF.get(line[:1], "ctx")}">{escape(line)}\n</span>' for line in lines)


def _hashes(file: FileReport) -> str:
    if file.diff is not None:
        return ""
    return f" <small>{escape(file.before or 'none')} → {escape(file.after or 'none')}</small>"


def _badge(kind: str) -> str:
    return f'<span class="badge {kind.split()[0]}">{kind}</span>'


def _line(line: Phrase) -> str:
    parts = []
    for span in line:
        tag = _TAGS.get(span.role)
        text = escape(span.text) or ("(empty)" if tag else "")
        parts.append(f"<{tag}>{text}</{tag}>" if tag else text)
    return "".join(parts)
