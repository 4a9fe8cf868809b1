"""`pulumi preview --json` → plain frozen data. Everything in it is taken as untrusted; its form is checked.

The form is Pulumi's `PreviewDigest` (pkg/display/json.go): every key may be absent. Steps that change nothing are in it
only with `--show-sames`, the single steps of a replacement only with `--show-replacement-steps`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowinfra.engine.tokens import FLOW_TYPE
from flowinfra.errors import PreviewError
from flowinfra.model import clean
from flowinfra.model.brief import full

_ACCESS = ("aws:profile", "aws:assumeRoles", "aws:assumeRole")
"""Configuration that says how the stack's account is reached."""

Json = Any
"""A JSON value (`json.loads` of one)."""

SECRET = "[secret]"  # noqa: S105  (what Pulumi itself prints in place of one)
UNKNOWN = "[known after up]"
"""Stands for a value that the preview cannot know."""

STACK_TYPE = "pulumi:pulumi:Stack"

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (marks an object as a secret)
_UNKNOWNS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""What Pulumi writes for an unknown value, by the value's type."""

_DEPTH = 100
"""Levels of a resource's inputs; real ones have about ten."""

_KEYS = {"config", "steps", "diagnostics", "duration", "changeSummary", "maybeCorrupt"}
_OTHERS = {
    "resource_changes": "a plan of Terraform or OpenTofu",
    "planned_values": "a plan of Terraform or OpenTofu",
    "deployment": "a stack's state (`pulumi stack export`)",
    "checkpoint": "a stack's state file",
    "sequence": "streamed events (unset PULUMI_ENABLE_STREAMING_JSON_PREVIEW)",
    "StackEvents": "an answer of CloudFormation",
    "schema_version": "a compiled flow (`flowinfra compile`)",
    "apiVersion": "a Kubernetes object",
}
"""A key that gives another document away → what that document is."""


@dataclass(frozen=True)
class Urn:
    """A resource's name in Pulumi, taken apart."""

    text: str
    stack: str
    project: str
    type: str
    """The resource's own type, without those of its parents."""
    name: str


@dataclass(frozen=True)
class State:
    """A resource before or after."""

    inputs: Mapping[str, Json]
    """Secrets and unknown values replaced by `SECRET` and `UNKNOWN`."""
    parent: str | None = None
    """URN."""
    custom: bool = True
    """False for a component, which is nothing in the cloud."""
    retained: bool = False
    """Stays in the cloud when it leaves the stack."""
    id: str = ""
    """Id of the resource in its cloud: an ARN, often. Empty for what is not there yet."""


@dataclass(frozen=True)
class Step:
    """What the engine intends for one resource."""

    op: str
    urn: Urn
    old: State | None = None
    new: State | None = None
    reasons: tuple[str, ...] = ()
    """Properties that make it an update or a replacement."""

    @property
    def state(self) -> State:
        """The newest known state."""
        return self.new or self.old or State({})


@dataclass(frozen=True)
class Diagnostic:
    """A message of the preview."""

    severity: str
    """info, warning, error, or what another version of Pulumi writes there."""
    message: str
    urn: str | None = None


@dataclass(frozen=True)
class Preview:
    """A preview of one stack."""

    source: str
    """What the preview was read from, for messages."""
    stack: str
    project: str
    steps: tuple[Step, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = field(default=())
    context: str | None = None
    """`kubernetes:context` of the stack's configuration."""
    aws: Mapping[str, str] = field(default_factory=dict)
    """`aws:profile` and `aws:assumeRoles` of the stack's configuration, as they stand there."""

    @property
    def failed(self) -> bool:
        """The preview ended with an error: its steps are not all there is."""
        return any(each.severity == "error" for each in self.diagnostics)


def read_preview(path: Path) -> Preview:
    """Read a preview's file.

    Raises:
        PreviewError: the file does not exist, or it holds no preview.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PreviewError(f"{path}: cannot be read ({error.strerror}); write one with {_HOW} > {path.name}") from None
    return parse_preview(content, str(path))


def parse_preview(content: bytes, source: str) -> Preview:
    """Check and take apart a preview's JSON; `source` names it in messages.

    Raises:
        PreviewError: the content is not a complete preview. The message says what it seems to be.
    """
    document = _document(content, source)
    steps = tuple(
        _step(entry, f"{source}: steps[{index}]") for index, entry in enumerate(_list(document, "steps", source))
    )
    diagnostics = tuple(
        Diagnostic(_text(entry.get("severity")), _text(entry.get("message")).strip(), _text(entry.get("urn")) or None)
        for entry in _list(document, "diagnostics", source)
        if isinstance(entry, dict)
    )
    stacks = {(step.urn.stack, step.urn.project) for step in steps}
    if len(stacks) > 1:
        names = _told(sorted(stack for stack, _ in stacks))
        raise PreviewError(f"{source}: has steps of several stacks ({names}); a preview is of one")
    stack, project = next(iter(stacks), (Path(source).name.removesuffix(".json"), ""))
    config = document.get("config")
    context = config.get("kubernetes:context") if isinstance(config, dict) else None
    aws = {key: _text(config[key]) for key in _ACCESS if key in config} if isinstance(config, dict) else {}
    return Preview(source, stack, project, steps, diagnostics, _text(context) or None, aws)


_HOW = "`pulumi preview --json`"


def _document(content: bytes, source: str) -> dict[str, Json]:
    if not content.strip():
        raise PreviewError(f"{source}: is empty; {_HOW} wrote nothing, its stderr says why")
    try:
        document = json.loads(content)
    except RecursionError:
        raise PreviewError(f"{source}: is nested too deep for a preview") from None
    except UnicodeDecodeError:
        raise PreviewError(f"{source}: is not text; allowed: the JSON that {_HOW} prints") from None
    except json.JSONDecodeError as error:
        raise PreviewError(f"{source}: {_not_json(error)}") from None
    except ValueError:
        raise PreviewError(f"{source}: holds a number of thousands of digits, which no preview does") from None
    if not isinstance(document, dict):
        raise PreviewError(f"{source}: holds {_kind(document)} instead of an object; allowed: what {_HOW} prints")
    for key, what in _OTHERS.items():
        if key in document:
            raise PreviewError(f"{source}: is {what}, not a preview; allowed: what {_HOW} prints")
    if not document:
        raise PreviewError(f"{source}: is a preview without content: it failed before it began, its stderr says why")
    if not _KEYS & document.keys():
        found = _told(sorted(document)[:5])
        raise PreviewError(f"{source}: is not a preview of Pulumi (its keys are {found}); allowed: what {_HOW} prints")
    return document


def _not_json(error: json.JSONDecodeError) -> str:
    text = error.doc
    if text.lstrip().startswith("{"):
        if not text[error.pos :].strip() or error.msg.startswith("Unterminated"):
            return f"ends in the middle (line {error.lineno}): the preview was cut off, or its disk was full"
        if error.msg == "Extra data":
            return (
                f"has something after the preview (line {error.lineno}); several previews go into several files, "
                "and stderr into none"
            )
    first = text.strip().splitlines()[0][:60]
    begins = clean.inert(repr(first))
    return f"is not JSON at line {error.lineno} ({error.msg}); it begins with {begins}; allowed: what {_HOW} prints"


def _list(document: Mapping[str, Json], key: str, source: str) -> list[Json]:
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise PreviewError(f"{source}: {key} is {_kind(value)}, a preview of Pulumi has a list there")
    return value


def _step(entry: Json, where: str) -> Step:
    if not isinstance(entry, dict) or not isinstance(entry.get("op"), str) or not isinstance(entry.get("urn"), str):
        raise PreviewError(f"{where}: is not a step of a preview of Pulumi, which has `op` and `urn`")
    reasons = entry.get("replaceReasons") or entry.get("diffReasons") or []
    urn = _urn(entry["urn"], where)
    return Step(
        entry["op"],
        urn,
        _state(entry.get("oldState"), urn, where),
        _state(entry.get("newState"), urn, where),
        tuple(map(_text, reasons)) if isinstance(reasons, list) else (),
    )


def _urn(text: str, where: str) -> Urn:
    parts = text.split("::", 3)
    if len(parts) != 4 or not parts[0].startswith("urn:pulumi:"):
        raise PreviewError(f"{where}: {clean.inert(repr(text[:80]))} is not a URN of Pulumi")
    stack, project, types, name = parts
    return Urn(text, stack.removeprefix("urn:pulumi:"), project, types.rsplit("$", 1)[-1], name)


def _state(entry: Json, urn: Urn, where: str) -> State | None:
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise PreviewError(f"{where}: its state is {_kind(entry)}, a preview of Pulumi has an object there")
    inputs = known(entry.get("inputs"), where)
    parent = entry.get("parent")
    read = inputs if isinstance(inputs, dict) else {}
    return State(
        full(read) if read and FLOW_TYPE.fullmatch(urn.type) else read,
        parent if isinstance(parent, str) else None,
        entry.get("custom", True) is not False,
        entry.get("retainOnDelete") is True,
        _text(entry.get("id")),
    )


def known(value: Json, where: str, depth: int = 0) -> Json:
    """`value` with secrets and unknown values replaced by `SECRET` and `UNKNOWN`; `where` it is, for messages.

    Raises:
        PreviewError: it is nested too deep for whatever goes down into it.
    """
    if isinstance(value, str):
        return UNKNOWN if value in _UNKNOWNS else value
    if not isinstance(value, (dict, list)):
        return value
    if depth > _DEPTH:
        raise PreviewError(f"{where}: its inputs are nested more than {_DEPTH} deep, which no resource's are")
    if isinstance(value, list):
        return [known(item, where, depth + 1) for item in value]
    if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
        return SECRET
    return {key: known(item, where, depth + 1) for key, item in value.items()}


def _text(value: Json) -> str:
    """A text of the preview; empty where there is something else."""
    return value if isinstance(value, str) else ""


def _told(names: list[str]) -> str:
    """Names of a document in a message."""
    return clean.inert(", ".join(map(clean.name, names)))


def _kind(value: Json) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
