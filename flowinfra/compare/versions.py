"""Versions of flows, wherever they are: a compiled flow's file, a stack's state as a file, or what a stack deploys."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowinfra.compare.pairing import base_name, pairs
from flowinfra.compare.why import Cause, causes, input_causes
from flowinfra.compiler import read_compiled
from flowinfra.components.inputs import describe
from flowinfra.engine.project import project_folder
from flowinfra.engine.state import Inputs, export_state, flows_in_state, read_state
from flowinfra.errors import StateError
from flowinfra.model.compiled import CompiledFlow

_STATE = ("deployment", "checkpoint")
_ENDINGS = (".flow", ".json", ".gz")
_PATHS = ("/", "./", "../", "~")
"""How the names of files begin or end, and those of stacks never do."""
_VERSION = re.compile(r"(?P<stack>[^@]+)(@(?P<number>[0-9]+))?")


@dataclass(frozen=True)
class Version:
    """What is compared: one compiled flow, or all flows of a stack."""

    label: str
    flows: Mapping[str, Inputs]
    """Deployed name → the component's inputs."""
    compiled: CompiledFlow | None = None
    """The compiled flow, where the version is one flow and all of it is known."""


def read_version(text: str, folder: Path) -> Version:
    """A file, or else a stack (`prod`), or an earlier deployment of it (`prod@3`), of the project that `folder` is in.

    Raises:
        BundleError, StateError: the file is neither of these, or holds no flows.
        ConfigError, ToolError: `folder` is in no project, or Pulumi fails.
    """
    path = Path(text)
    if path.is_file():
        return _file(path)
    found = _VERSION.fullmatch(text)
    if found is None or text.endswith(_ENDINGS) or text.startswith(_PATHS):
        raise StateError(f"{text}: does not exist; give a compiled flow, a state's file, STACK or STACK@VERSION")
    number = found["number"]
    content = export_state(project_folder(folder), found["stack"], None if number is None else int(number))
    return Version(text, flows_in_state(content, text))


def explain(old: Version, new: Version) -> dict[str, list[Cause]]:
    """Flow → what made it differ, for those that do.

    Raises:
        StateError: one side is a compiled flow that the other does not have.
    """
    if old.compiled is not None and new.compiled is not None:
        found = causes(old.compiled, new.compiled)
        return {new.compiled.flow.name: found} if found else {}
    both, gone, come = pairs(old.flows, new.flows)
    for one, other in ((old, new), (new, old)):
        if one.compiled is not None and not both:
            flow = one.compiled.flow
            known = ", ".join(sorted(other.flows)) or "none"
            raise StateError(f"{other.label}: has no flow {flow.name} of a file {flow.file}; it has: {known}")
    result = {_label(name, new.flows): input_causes(old.flows[before], new.flows[name]) for before, name in both}
    if old.compiled is None and new.compiled is None:
        result.update({_label(name, old.flows): [Cause("flow", "", name, None)] for name in gone})
        result.update({_label(name, new.flows): [Cause("flow", "", None, name)] for name in come})
    return {flow: found for flow, found in result.items() if found}


def _label(name: str, flows: Mapping[str, Inputs]) -> str:
    return base_name(name, flows[name])


def _file(path: Path) -> Version:
    content = read_state(path)
    if not content.startswith(b"PK"):
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None  # the reader of compiled flows says what is wrong
        if isinstance(document, dict) and not document.keys().isdisjoint(_STATE):
            return Version(str(path), flows_in_state(content, str(path)))
    compiled = read_compiled(path)
    return Version(str(path), {compiled.name: describe(compiled, {})}, compiled)
