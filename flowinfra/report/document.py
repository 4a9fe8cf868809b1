"""A report as data for programs: its JSON document, and the schema that the document keeps to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import GenerateJsonSchema

from flowinfra.model.base import Json
from flowinfra.report.assemble import Kind, Report, StackReport
from flowinfra.report.change import Change, fact, words
from flowinfra.report.resources import Action, ResourceChange
from flowinfra.report.risk import Risk
from flowinfra.report.words import Phrase, plain

VERSION: Literal[1] = 1


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class RiskDocument(_Document):
    """Something to look at twice."""

    kind: str
    """One of the kinds in docs/report.md, such as `schedule-removed`."""
    text: str
    """The risk in words."""


class ResourceDocument(_Document):
    """A resource that changes."""

    action: Action
    """What is done to it."""
    type: str
    """Pulumi's type."""
    name: str
    """The resource's name in Pulumi."""
    reasons: list[str]
    """Properties that make it an update or a replacement."""
    old_stays: bool
    """Whether the old resource of a replacement is kept."""


class FileDocument(_Document):
    """A source file that changes."""

    path: str
    """Path in the code package."""
    before: str | None
    """First characters of the old content's SHA-256; null for a new file."""
    after: str | None
    """First characters of the new content's SHA-256; null for a file that goes."""


class FlowDocument(_Document):
    """What happens to one flow."""

    name: str
    """The flow's class."""
    component: str
    """Name of its component in Pulumi."""
    kind: Kind
    """What happens to it in a word."""
    changes: list[str]
    """What changes, a line each; what it consists of, for a flow that is new or removed."""
    files: list[FileDocument]
    """Source files that change."""
    resources: list[ResourceDocument]
    """Resources that change."""
    risks: list[RiskDocument]
    """Risks, the gravest first."""


class StackDocument(_Document):
    """What happens to one stack."""

    stack: str
    """Name of the stack."""
    project: str
    """Name of the project."""
    failed: bool
    """Whether the preview failed; what follows may not be all then."""
    unchanged: int
    """Flows that stay as they are, as far as the preview has them (`--show-sames`)."""
    flows: list[FlowDocument]
    """Flows that change: those with risks first."""
    resources: list[ResourceDocument]
    """Resources of no flow that change."""
    risks: list[RiskDocument]
    """Risks of no flow."""
    messages: list[str]
    """Warnings and errors of the preview."""


class ReportDocument(_Document):
    """A report of `flowinfra report -f json`."""

    version: Literal[1] = VERSION
    """Version of this format: it changes when a key goes or gets another meaning."""
    stacks: list[StackDocument]
    """One for each preview, in their order."""


def render(report: Report) -> str:
    """The report as JSON text."""
    document = ReportDocument(stacks=[_stack(stack) for stack in report.stacks])
    return json.dumps(document.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def schema_text() -> str:
    """JSON schema (draft 2020-12) of the document, as text."""
    schema: dict[str, Json] = ReportDocument.model_json_schema(mode="serialization")
    return json.dumps({"$schema": GenerateJsonSchema.schema_dialect, **schema}, indent=2) + "\n"


def _stack(stack: StackReport) -> StackDocument:
    return StackDocument(
        stack=stack.stack,
        project=stack.project,
        failed=stack.failed,
        unchanged=stack.unchanged,
        flows=[
            FlowDocument(
                name=flow.name,
                component=flow.component,
                kind=flow.kind,
                changes=[plain(_line(flow.kind)(change)) for change in flow.changes],
                files=[FileDocument(path=file.path, before=file.before, after=file.after) for file in flow.files],
                resources=_resources(flow.resources),
                risks=_risks(flow.risks),
            )
            for flow in stack.flows
        ],
        resources=_resources(stack.resources),
        risks=_risks(stack.risks),
        messages=[diagnostic.message for diagnostic in stack.diagnostics],
    )


def _line(kind: Kind) -> Callable[[Change], Phrase]:
    return fact if kind in ("new", "removed") else words


def _resources(changes: Iterable[ResourceChange]) -> list[ResourceDocument]:
    return [
        ResourceDocument(
            action=change.action,
            type=change.type,
            name=change.name,
            reasons=list(change.reasons),
            old_stays=change.old_stays,
        )
        for change in changes
    ]


def _risks(risks: Iterable[Risk]) -> list[RiskDocument]:
    return [RiskDocument(kind=risk.kind, text=plain(risk.line)) for risk in sorted(risks, key=lambda risk: risk.rank)]
