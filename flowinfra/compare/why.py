"""Which input made two versions of a flow differ: two compiled flows, two deployed ones, or one of each. Pure.

What is compared are the inputs of the flow's component (`flowinfra.components.inputs`), which a stack's state has of
every flow that it deploys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flowinfra.components.inputs import SHORT, describe
from flowinfra.model import clean
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets import TARGETS

Inputs = Mapping[str, Json]


@dataclass(frozen=True)
class Cause:
    """One input that differs.

    Attributes:
        kind: `file`, `included file`, `option`, `config`, `variable`, `setting`, `Metaflow`, `Python`, `target`,
            `flow`, `compiler`; of deployed flows also `stack` (what the stack binds) and `input` (all that is left).
        name: which one; empty where the kind says enough.
        old: value before, None where it was absent. Digests are shortened.
        new: value after, None where it is absent. Digests are shortened.
    """

    kind: str
    name: str
    old: Json
    new: Json

    def __str__(self) -> str:
        """One line for people: `option max_workers: 100 → 10`."""
        what = f"{self.kind} {self.name}".strip()
        if self.old is None:
            return f"{what}: added ({clean.short(_words(self.new))})"
        if self.new is None:
            return f"{what}: removed (was {clean.short(_words(self.old))})"
        old, new = clean.differing(self.old, self.new, _words)
        return f"{what}: {old} → {new}"


_OPTIONS = (
    "with",
    "image",
    "metadata",
    "datastore_type",
    "environment",
    "packaging",
    "options",
    "tags",
    "namespace",
    "max_workers",
    "workflow_timeout",
    *sorted(frozenset[str]().union(*(target.own for target in TARGETS.values()))),
)
"""Options of the compile that have an input of their own."""
_PROJECT_OPTIONS = ("branch", "production")
_STACK = (
    "datastore",
    "queue",
    "table",
    "service_url",
    "log_retention_days",
    "alerts",
    "schedules",
    "dead_letter_queue",
    "event_patterns",
    "event_bus",
    "labels",
    "annotations",
    "aws_tags",
    "job_policies",
    "reads",
    "sends",
    "unsent",
    "circles",
    "triggers_off",
    "kubernetes_namespace",
    "service_account",
    "pod_role",
    "pod_roles",
    "image_pull_secrets",
    "production_token",
    "protect",
    "permissions",
    "event_source",
    "dags",
)
"""What a stack binds and no compile knows."""


def causes(old: CompiledFlow, new: CompiledFlow) -> list[Cause]:
    """Every input that differs between two compiled flows; empty if they are equal byte for byte.

    Flows that differ with no differing input were compiled by different versions of flowinfra: that is then the cause.
    """
    if old.to_json() == new.to_json():
        return []
    found = list(_causes(describe(old, {}), describe(new, {})))
    return found or [Cause("compiler", "flowinfra", old.digest[:SHORT], new.digest[:SHORT])]


def input_causes(old: Inputs, new: Inputs) -> list[Cause]:
    """Every input that differs between two versions of a flow's component; empty if their inputs are equal.

    What a stack binds counts if both versions have it: a compiled flow has no stack yet.
    """
    if old == new:
        return []
    found = list(_causes(old, new))
    if all("datastore" in side for side in (old, new)):
        found += [cause for key in _STACK for cause in _value("stack", key, old.get(key), new.get(key))]
        before, after = (_at(side, ("schedule", "enabled")) for side in (old, new))
        if before is not None and after is not None:
            found += _value("stack", "schedule.enabled", before, after)
    # an older flowinfra may have deployed a flow without some of the inputs that are causes
    return found or [cause for key in sorted({*old, *new} - {*_STACK}) for cause in _unexplained(key, old, new)]


def _causes(old: Inputs, new: Inputs) -> Iterator[Cause]:
    for kind, key in (("target", "target"), ("flow", "flow"), ("Metaflow", "metaflow"), ("Python", "python")):
        yield from _value(kind, "", old.get(key), new.get(key))
    if old.get("metaflow") == new.get("metaflow"):
        yield from _value("Metaflow", "files", old.get("metaflow_files"), new.get("metaflow_files"))
    yield from _mapping("file", _dict(old, "source"), _dict(new, "source"))
    yield from _mapping("included file", _included(old), _included(new))
    yield from _mapping("config", _configs(old, new), _configs(new, old))
    yield from _mapping("variable", _dict(old, "env"), _dict(new, "env"))
    yield from _mapping("setting", _dict(old, "settings"), _dict(new, "settings"))
    for key in _OPTIONS:
        yield from _value("option", key, old.get(key), new.get(key))
    for key in _PROJECT_OPTIONS:
        yield from _value("option", key, _at(old, ("project", key)), _at(new, ("project", key)))
    yield from _mapping("option", _overrides(old), _overrides(new))
    told = ("flow", "name_prefix", "project", "target")
    if all(old.get(key) == new.get(key) for key in told):
        yield from _value("option", "name", old.get("name"), new.get("name"))


def _value(kind: str, name: str, old: Json, new: Json) -> Iterator[Cause]:
    if old != new:
        yield Cause(kind, name, old, new)


def _mapping(kind: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Cause]:
    for name in sorted({*old, *new}):
        yield from _value(kind, name, old.get(name), new.get(name))


def _included(inputs: Inputs) -> dict[str, Json]:
    """Parameter → digest of the file that it includes."""
    return {
        name: entry["included"]
        for name, entry in _dict(inputs, "parameters").items()
        if isinstance(entry, dict) and "included" in entry
    }


def _configs(inputs: Inputs, others: Inputs) -> dict[str, Json]:
    """Config → its value; one that only the other version is given is absent here, though it has a default."""
    given, theirs = (_dict(side, "overrides") for side in (inputs, others))
    return {
        name: value
        for name, value in _dict(inputs, "configs").items()
        if f"configs.{name}" in given or f"configs.{name}" not in theirs
    }


def _overrides(inputs: Inputs) -> dict[str, Json]:
    """Path of what the stack sets in place of the flow's own → its value."""
    found: dict[str, Json] = {}
    for path in _dict(inputs, "overrides"):
        kind, _, rest = path.partition(".")
        if kind == "steps":
            step, _, key = rest.rpartition(".")
            found[path] = _at(inputs, ("steps", step, key))
        elif kind == "parameters":
            found[path] = _at(inputs, ("parameters", rest, "default"))
        elif path == "schedule":
            found[path] = _at(inputs, ("schedule", "cron")) or "off"
        elif path == "schedule.timezone":
            found[path] = _at(inputs, ("schedule", "timezone"))
    return found


def _unexplained(key: str, old: Inputs, new: Inputs, path: str = "") -> Iterator[Cause]:
    before, after, name = old.get(key), new.get(key), f"{path}{key}"
    if isinstance(before, dict) and isinstance(after, dict):
        for inner in sorted({*before, *after}):
            yield from _unexplained(inner, before, after, f"{name}.")
    else:
        yield from _value("input", name, before, after)


def _dict(inputs: Inputs, key: str) -> Mapping[str, Json]:
    """A mapping of the inputs; empty where there is something else."""
    value = inputs.get(key)
    return value if isinstance(value, dict) else {}


def _at(inputs: Json, path: tuple[str, ...]) -> Json:
    for key in path:
        inputs = inputs.get(key) if isinstance(inputs, Mapping) else None
    return inputs


def _words(value: Json) -> str:
    return value if isinstance(value, str) else canonical_json(value)
