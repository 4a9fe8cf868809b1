"""Previews → reports: everything that the formats say, decided once. Pure but for the look-up of sources."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from flowinfra.engine.preview import Diagnostic, Preview
from flowinfra.model import clean
from flowinfra.report.change import Change, Delta, FileChange
from flowinfra.report.changes import compare, introduce
from flowinfra.report.graph import Graph, merged, unmarked
from flowinfra.report.of_target import of_targets
from flowinfra.report.renamed import renamed_flows
from flowinfra.report.resources import ACTIONS, FlowPart, ResourceChange, resource_changes, split
from flowinfra.report.risk import Count, Risk
from flowinfra.report.risks import flow_risks, other_risks
from flowinfra.report.sources import Sources
from flowinfra.report.steps import mapping
from flowinfra.report.words import count

Kind = Literal["removed", "changed", "new", "resources only", "package only", "unchanged"]

KINDS: tuple[Kind, ...] = ("removed", "changed", "new", "resources only", "package only", "unchanged")
"""What is shown first comes first."""


_OF_NO_INTEREST = re.compile(r"(warning: )?using pulumi-\w+-[\w-]+ from \$PATH")
"""Where a plugin was found is a path of the machine that made the preview."""


@dataclass(frozen=True)
class FileReport:
    """A source file that changes, once for all flows that package it."""

    kind: str
    path: str
    """Path of the file, made printable."""
    before: str | None
    """First characters of its digest."""
    after: str | None
    diff: tuple[str, ...] | None = None
    """Lines of the unified diff, made printable; None where a version is not to be had."""


@dataclass(frozen=True)
class FlowReport:
    """What happens to one flow."""

    kind: Kind
    name: str
    """The flow's class; the component's name where that is not known."""
    component: str
    """The component's name in Pulumi."""
    changes: tuple[Change, ...] = ()
    """For a flow that is new or removed, what it consists of."""
    files: tuple[FileReport, ...] = ()
    graph: Graph | None = None
    resources: tuple[ResourceChange, ...] = ()
    risks: tuple[Risk, ...] = ()

    @property
    def label(self) -> str:
        """The flow's name, with the component's where that is another."""
        return self.name if self.name == self.component else f"{self.name} ({self.component})"


@dataclass(frozen=True)
class StackReport:
    """What happens to one stack."""

    stack: str
    project: str
    source: str
    flows: tuple[FlowReport, ...]
    """Those with risks first, then by `KINDS` and name (the engine's order varies); unchanged ones are counted only."""
    resources: tuple[ResourceChange, ...]
    """Changes of resources that belong to no flow."""
    risks: tuple[Risk, ...]
    """Risks that belong to no flow."""
    diagnostics: tuple[Diagnostic, ...]
    """Warnings and errors, made printable."""
    failed: bool
    unchanged: int = 0
    """Flows that the preview says stay as they are (it does with `--show-sames` only)."""

    @property
    def all_risks(self) -> tuple[tuple[str, Risk], ...]:
        """Flow (empty for none) and risk, the gravest first."""
        found = [(flow.label, risk) for flow in self.flows for risk in flow.risks]
        found += [("", risk) for risk in self.risks]
        return tuple(sorted(found, key=lambda each: each[1].rank))

    @property
    def risk_lines(self) -> tuple[tuple[tuple[str, ...], Risk], ...]:
        """Flows (none for none) and risk, the gravest first; a risk that several flows have stands once."""
        groups: dict[Risk, list[str]] = {}
        for label, risk in self.all_risks:
            groups.setdefault(risk, []).append(label)
        return tuple((tuple(label for label in labels if label), risk) for risk, labels in groups.items())

    @property
    def all_resources(self) -> tuple[ResourceChange, ...]:
        """Those of all flows and of none."""
        return (*(change for flow in self.flows for change in flow.resources), *self.resources)

    @property
    def changes(self) -> bool:
        """Anything would change."""
        return bool(self.flows or self.all_resources)

    def flows_in_words(self) -> str:
        """`2 changed, 1 new`; `no change` for none."""
        return _counted(Counter(flow.kind for flow in self.flows), KINDS, self.unchanged) or "no change"

    def resources_in_words(self) -> str:
        """`3 created, 1 replaced`; `no change` for none."""
        return _counted(Counter(change.action for change in self.all_resources), ACTIONS) or "no change"

    def risks_in_words(self) -> str:
        """`2 risks`; `no risk` for none."""
        return count(len(self.all_risks), "risk") if self.all_risks else "no risk"


@dataclass(frozen=True)
class Report:
    """What happens to one or several stacks."""

    stacks: tuple[StackReport, ...]

    @property
    def files(self) -> tuple[FileReport, ...]:
        """Source files that change, each once."""
        return tuple(dict.fromkeys(file for stack in self.stacks for flow in stack.flows for file in flow.files))

    @property
    def risks(self) -> int:
        """How many there are."""
        return sum(len(stack.all_risks) for stack in self.stacks)

    @property
    def changes(self) -> bool:
        """Anything would change."""
        return any(stack.changes for stack in self.stacks)

    @property
    def failed(self) -> bool:
        """A preview failed."""
        return any(stack.failed for stack in self.stacks)


def assemble(previews: Iterable[Preview], sources: Sources, running: Count | None = None) -> Report:
    """A report of previews, in their order.

    Args:
        previews: one per stack.
        sources: where versions of source files are looked for.
        running: counts runs that go on; None says nothing of them.
    """
    files = _Files(sources)
    return Report(tuple(_stack(preview, files, running) for preview in previews))


class _Files:
    """Looks every file up once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[FileChange, FileReport] = {}

    def report(self, change: FileChange) -> FileReport:
        """The part of the report that shows a file."""
        if change not in self._known:
            lines = self._sources.diff(change)
            before, after = (None if text is None else clean.name(text) for text in (change.before, change.after))
            self._known[change] = FileReport(
                change.kind,
                clean.name(change.path),
                before,
                after,
                None if lines is None else tuple(clean.visible(line, keep="\t") for line in lines),
            )
        return self._known[change]


def _stack(preview: Preview, files: _Files, running: Count | None) -> StackReport:
    parts, others = split(preview)
    counted = _within(running, preview) if running else None
    flows = [_flow(part, files, counted, preview.context) for part in parts]
    told = [flow for flow in flows if flow.kind != "unchanged"]
    return StackReport(
        clean.name(preview.stack),
        clean.name(preview.project),
        clean.name(preview.source),
        tuple(sorted(told, key=lambda flow: (not flow.risks, KINDS.index(flow.kind), flow.label))),
        tuple(resource_changes(others)),
        tuple(other_risks(others)),
        (*_diagnostics(preview), *renamed_flows(parts), *(_not_asked(parts) if running else ())),
        preview.failed,
        len(flows) - len(told),
    )


def _not_asked(parts: Iterable[FlowPart]) -> Iterable[Diagnostic]:
    """What is not known of running flows although it was asked for."""
    listed = list(parts)
    for said in filter(None, (target.not_asked(listed) for target in of_targets())):
        yield Diagnostic("info", said)


def _within(running: Count, preview: Preview) -> Count:
    """Counts runs in the account of a preview's stack."""
    return lambda starter: running(replace(starter, aws=tuple(sorted(preview.aws.items()))))


def _flow(part: FlowPart, files: _Files, running: Count | None, context: str | None) -> FlowReport:
    old, new = part.old, part.new
    delta, graph = Delta(), None
    changes: tuple[Change, ...] = ()
    if part.op != "same" and old is not None and new is not None:
        delta = compare(old, new)
        changes = delta.changes
        graph = merged(mapping(old, "steps"), mapping(new, "steps"), delta.renamed, changes)
    elif new is not None and old is None:
        changes = introduce(new, "added")
        graph = unmarked(mapping(new, "steps"))
    elif old is not None and new is None:
        changes = introduce(old, "removed")
    resources = tuple(resource_changes(part.children))
    name = (new or old or {}).get("flow")
    return FlowReport(
        _kind(part, delta, bool(resources)),
        clean.name(name) if isinstance(name, str) else clean.name(part.name),
        clean.name(part.name),
        changes,
        tuple(map(files.report, delta.files)),
        graph if graph and (new is None or old is None or graph.changes) and graph.nodes else None,
        resources,
        tuple(flow_risks(part, delta, running, context)),
    )


def _kind(part: FlowPart, delta: Delta, resources: bool) -> Kind:
    if part.op == "delete":
        return "removed"
    if part.op in ("create", "import"):
        return "new"
    if delta.changes:
        return "changed"
    if delta.repackaged:
        return "package only"
    return "resources only" if resources else "unchanged"


def _diagnostics(preview: Preview) -> Iterable[Diagnostic]:
    """Warnings and errors, each once."""
    found: dict[Diagnostic, None] = {}
    for each in preview.diagnostics:
        if each.severity not in ("warning", "error") or _OF_NO_INTEREST.match(each.message):
            continue
        message = each.message.removeprefix(f"{each.severity}: ")
        found[Diagnostic(each.severity, clean.visible(message, keep="\n\t"))] = None
    return found


def _counted(found: Counter[str], order: Iterable[str], unchanged: int = 0) -> str:
    parts = [f"{found[kind]:,} {kind}" for kind in order if found[kind]]
    if unchanged:
        parts.append(f"{unchanged:,} unchanged")
    return ", ".join(parts)
