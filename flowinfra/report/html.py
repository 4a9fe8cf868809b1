"""A report as one HTML file: no script, no network, light and dark, from a phone's width up.

Each piece of the page is `Markup`, which escapes whatever is put into it and is not `Markup` itself: so each text of a
preview is escaped. A content security policy forbids whatever else might come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from markupsafe import Markup, escape

from flowinfra.model import clean
from flowinfra.report import change, resources, svg
from flowinfra.report.assemble import FileReport, FlowReport, Report, StackReport
from flowinfra.report.graph import Graph
from flowinfra.report.words import Phrase, count, names, phrase, plain

_POLICY = Markup("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
_DIFF = {"+": "ins", "-": "del", "@": "at"}
_REFERENCE = "&#x{:x};"
"""How a character is written that is not to be read as an order to CI: it shows the same, in the same width."""
_TAGS = {"name": "b", "before": "del", "after": "ins"}


def render(report: Report) -> str:
    """The page."""
    title = _title(report)
    body = _joined(
        [
            Markup("<header><h1>{}</h1></header>").format(_line(title)),
            _contents(report),
            *(_stack(stack, index, len(report.stacks) > 1) for index, stack in enumerate(report.stacks)),
            _sources(report.files),
        ]
    )
    return Markup(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        "<title>{title}</title><style>{style}</style></head>"
        "<body>{markers}<main>{body}</main></body></html>\n"
    ).format(
        policy=_POLICY,
        title=_inert(escape(plain(title))),
        style=Markup(files("flowinfra.report").joinpath("report.css").read_text(encoding="utf-8")),  # noqa: S704  (ours)
        markers=svg.markers(),
        body=_inert(body),
    )


def _inert(text: Markup) -> Markup:
    return Markup(clean.inert(text, _REFERENCE))  # noqa: S704  (puts in references alone)


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup().join(parts)


def _title(report: Report) -> Phrase:
    changing = [stack for stack in report.stacks if stack.changes]
    if report.failed:
        return phrase("The preview failed")
    if not changing:
        return phrase("No change")
    flows = sum(len(stack.flows) for stack in changing)
    what = f"{count(flows, 'flow')} {'changes' if flows == 1 else 'change'}" if flows else "Resources change"
    return phrase(f"{what} in ", *names(stack.stack for stack in changing))


def _contents(report: Report) -> Markup:
    """Links to all flows."""
    rows = []
    for number, stack in enumerate(report.stacks):
        for index, flow in enumerate(stack.flows):
            risks = Markup('<span class="badge risk">{}</span>').format(count(len(flow.risks), "risk"))
            where = Markup("{} / ").format(stack.stack) if len(report.stacks) > 1 else ""
            row = Markup('<li><a href="#s{}f{}">{}{}</a> {}{}</li>')
            rows.append(row.format(number, index, where, flow.label, _badge(flow.kind), risks if flow.risks else ""))
    if len(rows) < 2:
        return Markup()
    return Markup('<nav aria-label="Flows"><ul class="contents">{}</ul></nav>').format(_joined(rows))


def _stack(stack: StackReport, number: int, several: bool) -> Markup:
    heading = Markup("<h2>{}</h2>") if several else Markup('<h2 class="quiet">{}</h2>')
    others = Markup("<article><h3>Resources of no flow</h3>{}</article>").format(_resources(stack.resources, True))
    return Markup(
        '<section class="stack">{heading}<dl class="facts">{facts}</dl>{diagnostics}{risks}{flows}{others}</section>'
    ).format(
        heading=heading.format(stack.stack),
        facts=_facts(stack),
        diagnostics=_diagnostics(stack),
        risks=_risks(stack),
        flows=_joined(_flow(flow, f"s{number}f{index}") for index, flow in enumerate(stack.flows)),
        others=others if stack.resources else "",
    )


def _facts(stack: StackReport) -> Markup:
    facts = [("flows", stack.flows_in_words()), ("resources", stack.resources_in_words())]
    told = _joined(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, words) for name, words in facts)
    opened = Markup('<div class="risk">') if stack.all_risks else Markup("<div>")
    return told + opened + Markup("<dt>risks</dt><dd>{}</dd></div>").format(len(stack.all_risks) or "none")


def _diagnostics(stack: StackReport) -> Markup:
    if not stack.diagnostics and not stack.failed:
        return Markup()
    failed = Markup("<p><strong>The preview failed: what follows is not all there is.</strong></p>")
    messages = _joined(
        Markup('<li class="{}"><b>{}</b> {}</li>').format(
            "error" if each.severity == "error" else "warning", each.severity, each.message
        )
        for each in stack.diagnostics
    )
    page = Markup('<div class="diagnostics">{}<ul>{}</ul></div>')
    return page.format(failed if stack.failed else "", messages)


def _risks(stack: StackReport) -> Markup:
    items = [
        Markup("<li>{}{}</li>").format(_line(phrase(*names(owners), ": " if owners else "")), _line(risk.line))
        for owners, risk in stack.risk_lines
    ]
    if not items:
        return Markup()
    page = Markup('<div class="risks"><h3>{}</h3><ul>{}</ul></div>')
    return page.format(count(len(stack.all_risks), "risk"), _joined(items))


def _flow(flow: FlowReport, anchor: str) -> Markup:
    words = change.fact if flow.kind in ("new", "removed") else change.words
    lines = [Markup('<li class="{}">{}</li>').format(each.kind, _line(words(each))) for each in flow.changes]
    lines += [
        Markup('<li class="{}">file <b>{}</b> {}{}</li>').format(file.kind, file.path, file.kind, _hashes(file))
        for file in flow.files
    ]
    return Markup(
        '<article id="{anchor}" class="{kind}"><h3>{label} {badge}</h3>'
        '<div class="columns">{changes}{picture}</div>{resources}</article>'
    ).format(
        anchor=anchor,
        kind=flow.kind.split()[0],
        label=flow.label,
        badge=_badge(flow.kind),
        changes=Markup('<ul class="changes">{}</ul>').format(_joined(lines)) if lines else "",
        picture=_picture(flow.graph, flow.label) if flow.graph else "",
        resources=_resources(flow.resources),
    )


def _picture(graph: Graph, label: str) -> Markup:
    more = Markup("<figcaption>{} not drawn</figcaption>").format(count(graph.left_out, "more step"))
    return Markup(
        '<figure><div class="frame" tabindex="0" role="region" aria-label="Graph of {}">{}</div>{}</figure>'
    ).format(label, svg.draw(graph, label), more if graph.left_out else "")


def _resources(found: Sequence[resources.ResourceChange], unfolded: bool = False) -> Markup:
    if not found:
        return Markup()
    items = _joined(
        Markup("<li>{} {}</li>").format(group.action, _line(group.line)) for group in resources.grouped(found)
    )
    page = Markup("<details{}><summary>{}</summary><ul>{}</ul></details>")
    return page.format(" open" if unfolded else "", count(len(found), "resource"), items)


def _sources(found: Iterable[FileReport]) -> Markup:
    part = Markup("<details><summary><b>{}</b> {}</summary><pre>{}</pre></details>")
    parts = [part.format(file.path, file.kind, _diff(file.diff)) for file in found if file.diff is not None]
    page = Markup('<section class="sources"><h2>Source files</h2>{}</section>')
    return page.format(_joined(parts)) if parts else Markup()


def _diff(lines: Iterable[str]) -> Markup:
    part = Markup('<span class="{}">{}\n</span>')
    return _joined(part.format(_DIFF.get(line[:1], "ctx"), line) for line in lines)


def _hashes(file: FileReport) -> Markup:
    if file.diff is not None:
        return Markup()
    return Markup(" <small>{} → {}</small>").format(file.before or "none", file.after or "none")


def _badge(kind: str) -> Markup:
    return Markup('<span class="badge {}">{}</span>').format(kind.split()[0], kind)


def _line(line: Phrase) -> Markup:
    parts = []
    for span in line:
        tag = _TAGS.get(span.role)
        parts.append(Markup("<{0}>{1}</{0}>").format(tag, span.text or "(empty)") if tag else escape(span.text))
    return _joined(parts)
