"""Two stacks compared, flow by flow: what their environments explain, what the mirror's own file declares, and drift.

Both sides are the inputs of the flows' components (`flowinfra.components.inputs.describe`), made from configuration
or read from the stacks' states. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from flowinfra.compare.pairing import base_name, pairs
from flowinfra.model import clean
from flowinfra.report.change import Change, Delta, Kind, words
from flowinfra.report.changes import compare
from flowinfra.report.words import Phrase, Span, phrase

Json = Any
Inputs = Mapping[str, Json]
Path = tuple[str, ...]
"""Keys from the top of a flow's configuration, or of its inputs, down to a value."""

PLATFORM = "platform"


@dataclass(frozen=True)
class Declared:
    """A key of the mirror's own file, or of the file of a stack between it and the other."""

    key: str
    """Where a person finds the key: `stacks/Pulumi.staging.yaml: flowinfra:defaults.schedule.enabled`."""
    path: Path
    """Path in a flow's configuration (`schedule`, `enabled`), or in the platform's (`platform`, `compute`)."""


@dataclass(frozen=True)
class Flow:
    """A flow of a stack."""

    name: str
    """What it is called where it is deployed."""
    inputs: Inputs
    declared: tuple[Declared, ...] = ()
    """What the mirror declares of it; where several declare the same, the first has the say."""


@dataclass(frozen=True)
class Side:
    """One of the two stacks."""

    stack: str
    flows: tuple[Flow, ...]
    platform: Inputs
    """The platform's configuration that the flows' inputs do not show; empty where only a state is known."""


@dataclass(frozen=True)
class Finding:
    """One difference."""

    flows: tuple[str, ...]
    """Which flows have it; empty where it is the stack's own."""
    kind: Kind
    line: Phrase
    """The difference in the flow's words, from the other stack's value to the mirror's."""
    key: str | None = None
    """What declares it."""


@dataclass(frozen=True)
class Comparison:
    """What differs between a mirror and what it mirrors."""

    mirror: str
    other: str
    mirrors: bool
    """The mirror's configuration says so; else nothing can be declared."""
    flows: int
    """Flows that both have."""
    drift: tuple[Finding, ...]
    """Nothing explains it."""
    declared: tuple[Finding, ...]
    environment: tuple[Finding, ...]


_ENVIRONMENT: tuple[Path, ...] = (
    ("datastore",),
    ("queue",),
    ("table",),
    ("name_prefix",),
    ("project", "branch"),
    ("project", "production"),
    *(
        (PLATFORM, key)
        for key in (
            "region",
            "account",
            "job_role",
            "states_role",
            "events_role",
            "execution_role",
            "dead_letter_queue",
            "permissions_boundary",
            "job_policies",
            "service_auth_secret",
            "kms_keys",
            "alerts",
            "events",
            "event_bus",
        )
    ),
    *(
        (key,)
        for key in (
            "production_token",
            "protect",
            "alerts",
            "kubernetes_namespace",
            "service_account",
            "pod_role",
            "pod_roles",
            "image_pull_secrets",
            "event_source",
            "event_patterns",
            "event_bus",
            "dead_letter_queue",
            "dags",
        )
    ),
    *(
        (PLATFORM, "kubernetes", key)
        for key in ("namespace", "service_account", "pod_role", "pod_roles", "image_pull_secrets", "ui_url")
    ),
    *((PLATFORM, "kubernetes", "events", key) for key in ("source", "event", "bus", "service_account", "webhook_url")),
    *((PLATFORM, "airflow", key) for key in ("namespace", "service_account", "pod_roles", "dags")),
    *((PLATFORM, "create", key) for key in ("subnets", "security_groups", "instance_profile")),
)
"""Inputs that only say where a stack lives."""

_UNTOLD = ("overrides", "unsent", "circles")
"""Says what a stack sets, or what follows from its other flows, not what the flow is."""

_BY_CODE: tuple[Path, ...] = (
    ("steps",),
    ("parameters",),
    ("decorators",),
    ("configs",),
    ("schedule", "cron"),
    ("schedule", "timezone"),
    ("project", "name"),
)
"""What a flow's module decides when it is compiled: all that it reads then may be the reason."""

_WIDE: dict[str, tuple[Path, ...]] = {
    "configs": _BY_CODE,
    "env": _BY_CODE,
    "settings": _BY_CODE,
    "with": (("steps",), ("decorators",)),
    "environment": (("steps",), ("decorators",)),
    "package": (("source",), ("packaging",)),
    "triggers": (("triggers_off",),),
    "schedule": (("schedules", "*", "enabled"), ("schedules", "*", "timezone")),
    "python": (("python",), ("metaflow",), ("metaflow_files",), ("steps", "*", "image")),
    "image": (("steps", "*", "image"),),
}
"""Key of a flow's configuration → inputs that it changes beside the one of its own name."""

_FOLLOWS: dict[Path, tuple[Path, ...]] = {
    ("steps", "*", "retries"): (("attempts",), ("decorators", "retry")),
    ("steps", "*", "timeout"): (("decorators", "timeout"),),
}
"""Override of a step → the step's other inputs that follow."""

_PLATFORM: dict[str, tuple[Path, ...]] = {
    "create": (("compute",),),
    "datastore": (("datastore_type",),),
    "service_url": (("metadata",), ("service_url",)),
}
"""Key of the platform → inputs of flows that have another name; all others have the key's own."""

_REPACKAGES = ("source", "metaflow", "metaflow_files", "python", "configs", "packaging", "env", "settings", "with")
"""Inputs with which the code package's digest changes, too."""

ENVIRONMENT: Final = "environment"


def compare_stacks(mirror: Side, other: Side, declared: Sequence[Declared] | None = None) -> Comparison:
    """What differs, from `other` to `mirror`.

    Args:
        mirror: the stack that should be as the other is.
        other: the stack that it mirrors.
        declared: what the mirror declares of its platform; None if it does not say that it mirrors the other.
    """
    platform = declared or ()
    both, theirs, own = pairs({flow.name: flow.inputs for flow in other.flows}, _inputs(mirror))
    before, after = ({flow.name: flow for flow in side.flows} for side in (other, mirror))
    found: list[_Found] = list(_differences("", {PLATFORM: other.platform}, {PLATFORM: mirror.platform}, platform))
    for old, new in both:
        flow = after[new]
        found += _differences(_label(flow), before[old].inputs, flow.inputs, [*flow.declared, *platform])
    for flow, stack in [
        *((before[name], other.stack) for name in theirs),
        *((after[name], mirror.stack) for name in own),
    ]:
        found.append(_one_sided(flow, stack, "removed" if stack == other.stack else "added"))
    return Comparison(
        mirror.stack,
        other.stack,
        declared is not None,
        len(both),
        _grouped(each for each in found if each.reason is None),
        _grouped(each for each in found if isinstance(each.reason, Declared)),
        _grouped(each for each in found if each.reason == ENVIRONMENT),
    )


Reason = Declared | Literal["environment"] | None


@dataclass(frozen=True)
class _Found:
    flow: str
    kind: Kind
    line: Phrase
    reason: Reason


def _inputs(side: Side) -> dict[str, Inputs]:
    return {flow.name: flow.inputs for flow in side.flows}


def _label(flow: Flow) -> str:
    return clean.name(base_name(flow.name, flow.inputs))


def _one_sided(flow: Flow, stack: str, kind: Kind) -> _Found:
    by = next((each for each in flow.declared if each.path == ("enabled",)), None)
    return _Found(_label(flow), kind, phrase("only in ", Span(clean.name(stack), "name")), by)


def _grouped(found: Iterable[_Found]) -> tuple[Finding, ...]:
    """Findings in which a difference that several flows have stands once; the stack's own come first."""
    groups: dict[tuple[Kind, Phrase, str | None], list[str]] = {}
    for each in found:
        key = each.reason.key if isinstance(each.reason, Declared) else None
        groups.setdefault((each.kind, each.line, key), []).append(each.flow)
    findings = [
        Finding(tuple(flow for flow in flows if flow), kind, line, key) for (kind, line, key), flows in groups.items()
    ]
    return tuple(sorted(findings, key=lambda finding: bool(finding.flows)))


def _differences(flow: str, old: Inputs, new: Inputs, declared: Sequence[Declared]) -> Iterator[_Found]:
    """Differences of a pair with their reasons, in words."""
    before, after = _flat(_comparable(old, new)), _flat(_comparable(new, old))
    differing = [path for path in dict.fromkeys([*after, *before]) if before.get(path) != after.get(path)]
    by_reason: dict[Reason, list[Path]] = {}
    for path in differing:
        by_reason.setdefault(_reason(path, before, after, declared), []).append(path)
    for reason, paths in by_reason.items():
        changed = {path: value for path, value in before.items() if path not in paths}
        changed.update({path: after[path] for path in paths if path in after})
        for kind, line in _in_words(_nested(before), _nested(changed), paths, before, after):
            yield _Found(flow, kind, line, reason)


def _comparable(inputs: Inputs, others: Inputs) -> dict[str, Json]:
    """A flow's inputs without those that follow from other inputs, which are compared."""
    kept = {key: value for key, value in inputs.items() if key not in _UNTOLD}
    if base_name(str(inputs.get("name")), inputs) == base_name(str(others.get("name")), others):
        kept.pop("name", None)
    if any(inputs.get(key) != others.get(key) for key in _REPACKAGES):
        kept.pop("package", None)
    schedule = inputs.get("schedule")
    if isinstance(schedule, dict) and schedule.get("enabled") is True and not others.get("schedule"):
        kept["schedule"] = {key: value for key, value in schedule.items() if key != "enabled"}
    return kept


def _reason(path: Path, old: Mapping[Path, Json], new: Mapping[Path, Json], declared: Sequence[Declared]) -> Reason:
    if any(_covers(pattern, path) for pattern in _ENVIRONMENT):
        return ENVIRONMENT
    if path == ("service_url",) and path in old and path in new:
        return ENVIRONMENT  # one that is not there at all is another way to keep metadata
    for effects in (_narrow, _wide):
        for each in declared:
            if any(_covers(pattern, path) for pattern in effects(each.path)):
                return each
    return None


def _narrow(path: Path) -> Iterator[Path]:
    """Inputs that a declared key sets itself."""
    if path[0] == PLATFORM:
        yield path
        yield from _PLATFORM.get(path[1], (path[1:],)) if len(path) > 1 else ()
        if path[2:3] in (("labels",), ("annotations",)):
            yield path[2:]
        return
    yield path
    for pattern, following in _FOLLOWS.items():
        if _covers(pattern, path):
            yield from ((*path[:2], *each) for each in following)


def _wide(path: Path) -> Iterator[Path]:
    """Inputs that may follow from a declared key."""
    yield from _WIDE.get(path[0], ())


def _covers(pattern: Path, path: Path) -> bool:
    """Whether `path` is the path that `pattern` names, or lies inside it."""
    return len(pattern) <= len(path) and all(part in ("*", key) for part, key in zip(pattern, path, strict=False))


def _in_words(
    old: Inputs, new: Inputs, paths: Sequence[Path], before: Mapping[Path, Json], after: Mapping[Path, Json]
) -> Iterator[tuple[Kind, Phrase]]:
    delta = Delta() if paths[0][0] == PLATFORM else compare(old, new)
    for change in delta.changes:
        yield change.kind, words(change)
    for file in delta.files:
        yield (
            file.kind,
            phrase(
                "file ",
                Span(clean.name(file.path), "name"),
                f" {file.kind} (",
                Span(clean.name(file.before or "none"), "before"),
                " → ",
                Span(clean.name(file.after or "none"), "after"),
                ")",
            ),
        )
    if delta.changes or delta.files:
        return
    # the platform's, and what a report leaves out because it follows from something else: here nothing else differs
    for path in paths:
        one, other = clean.differing(
            before.get(path), after.get(path), lambda value: "none" if value is None else clean.show(value)
        )
        yield "changed", words(Change("changed", names=(clean.name(".".join(path)),), before=one, after=other))


def _flat(value: Json, path: Path = ()) -> dict[Path, Json]:
    """Path → value of everything that is not a mapping; an empty mapping counts as absent."""
    if not isinstance(value, Mapping):
        return {path: value} if path else {}
    return {place: leaf for key, item in value.items() for place, leaf in _flat(item, (*path, str(key))).items()}


def _nested(flat: Mapping[Path, Json]) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for path, value in flat.items():
        holder = result
        for key in path[:-1]:
            inner = holder.get(key)
            if not isinstance(inner, dict):
                inner = holder[key] = {}
            holder = inner
        holder[path[-1]] = value
    return result
