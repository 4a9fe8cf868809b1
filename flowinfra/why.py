"""Which input made two compiled flows differ: pure, on the CompiledFlows alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.model.compiled import CompiledFlow, Json, canonical_json


@dataclass(frozen=True)
class Cause:
    """One input that differs.

    Attributes:
        kind: `file`, `included file`, `option`, `config`, `variable`, `setting`, `Metaflow`, `Python`, `target`, `flow`
            or `compiler`.
        name: which one; empty where the kind says it all.
        old: value before, None where there was none. Digests are shortened.
        new: value after, likewise.
    """

    kind: str
    name: str
    old: Json
    new: Json

    def __str__(self) -> str:
        """One line for people: `option max_workers: 100 → 10`."""
        what = f"{self.kind} {self.name}".strip()
        if self.old is None:
            return f"{what}: added ({_shown(self.new)})"
        if self.new is None:
            return f"{what}: removed (was {_shown(self.old)})"
        return f"{what}: {_shown(self.old)} → {_shown(self.new)}"


SHORT = 12
_OF_THEIR_OWN = ("configs", "env", "settings", "python")


def causes(old: CompiledFlow, new: CompiledFlow) -> list[Cause]:
    """Every input that differs between two compiled flows; empty if they are equal byte for byte.

    Flows that differ with no differing input were compiled by different versions of flowinfra: that is then the cause.
    """
    if old.to_json() == new.to_json():
        return []
    found = list(_causes(old, new))
    return found or [Cause("compiler", "flowinfra", old.digest[:SHORT], new.digest[:SHORT])]


def _causes(old: CompiledFlow, new: CompiledFlow) -> Iterator[Cause]:
    yield from _value("target", "", old.target, new.target)
    yield from _value("flow", "", old.flow.name, new.flow.name)
    yield from _value("Metaflow", "", old.metaflow, new.metaflow)
    if old.metaflow == new.metaflow:
        yield from _value("Metaflow", "files", old.package.metaflow[:SHORT], new.package.metaflow[:SHORT])
    yield from _value("Python", "", old.shape.python, new.shape.python)
    yield from _mapping("file", _files(old), _files(new))
    yield from _mapping("included file", _included(old), _included(new))
    before, after = old.shape.model_dump(mode="json"), new.shape.model_dump(mode="json")
    for kind, key in (("config", "configs"), ("variable", "env"), ("setting", "settings")):
        yield from _mapping(kind, _short(kind, before[key]), _short(kind, after[key]))
    defaults = set(old.flow.configs) | set(new.flow.configs)
    given = {*before["configs"], *after["configs"]}
    for name in sorted(defaults - given):
        yield from _value("config", name, old.flow.configs.get(name), new.flow.configs.get(name))
    for key in sorted(set(before) - set(_OF_THEIR_OWN)):
        yield from _value("option", key, before[key], after[key])


def _value(kind: str, name: str, old: Json, new: Json) -> Iterator[Cause]:
    if old != new:
        yield Cause(kind, name, old, new)


def _mapping(kind: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Cause]:
    for name in sorted({*old, *new}):
        yield from _value(kind, name, old.get(name), new.get(name))


def _files(compiled: CompiledFlow) -> dict[str, Json]:
    return {path: entry.sha256[:SHORT] for path, entry in compiled.package.files.items()}


def _included(compiled: CompiledFlow) -> dict[str, Json]:
    """Parameter → digest of the file that it includes."""
    return {name: entry.included[:SHORT] for name, entry in compiled.flow.parameters.items() if entry.included}


def _short(kind: str, values: Mapping[str, Any]) -> dict[str, Json]:
    """A variable's value is known by its digest only."""
    return {name: value[:SHORT] if kind == "variable" else value for name, value in values.items()}


def _shown(value: Json) -> str:
    text = value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= 80 else text[:79] + "…"
