"""Risks of what changes of a flow itself, by the inputs of its component before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowinfra.model import clean
from flowinfra.report.change import Delta
from flowinfra.report.risk import Risk
from flowinfra.report.schedule import OFF, Schedule, running_schedules
from flowinfra.report.steps import in_order, mapping, strings
from flowinfra.report.words import Span, names, phrase

Json = Any

STEP_TIMEOUT = 5 * 24 * 3600
"""Seconds: Metaflow's default for a step."""


def risks_of_leaving(old: Mapping[str, Json]) -> Iterator[Risk]:
    """Risks of a flow that leaves, by its inputs."""
    yield from _schedule(old, {})


def risks_of_coming(new: Mapping[str, Json]) -> Iterator[Risk]:
    """Risks of a flow that is new to the stack, by its inputs."""
    if token := new.get("production_token"):
        who = Span(clean.short(clean.show(token)), "after")
        line = phrase("what was deployed by hand with the production token ", who, " is taken over, where it is")
        yield Risk("taken-over", line)
    yield from _chains({}, new)


def risks_of_changing(old: Mapping[str, Json], new: Mapping[str, Json], delta: Delta) -> Iterator[Risk]:
    """Risks of a flow that stays, by its inputs before and after; `delta`: what changes of it."""
    yield from _schedule(old, new)
    yield from _triggers(old, new)
    yield from _chains(old, new)
    yield from _permissions(old, new)
    yield from _parameters(old, new)
    yield from _steps(old, new, delta.renamed)
    yield from _versions(old, new)
    yield from _places(old, new)
    yield from _namespaces(old, new)
    yield from _given_up(old, new)


def _schedule(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    one, other = running_schedules(old), running_schedules(new)
    for name in dict.fromkeys([*one, *other]):
        yield from _one_schedule(f"schedule {name}".rstrip(), one.get(name), other.get(name))


def _one_schedule(called: str, before: Schedule | None, after: Schedule | None) -> Iterator[Risk]:
    if (before and before.text) == (after and after.text):
        return
    if after is None:
        assert before, "only one of both can be none here"
        ending = f" ({before.often})" if before.often else ""
        yield Risk("schedule-removed", phrase(f"the {called} ", _span(before.text, "before"), ending, " ends"))
        return
    if before is not None and before.timezone != after.timezone:
        zones = _span(before.timezone, "before"), " → ", _span(after.timezone, "after")
        zone = phrase(f"the {called}'s timezone ", *zones)
        yield Risk("schedule-timezone", zone)
    line = phrase(f"the {called} ", _span(before.text if before else OFF, "before"), " → ", _span(after.text, "after"))
    if after.fires is None or (before and before.fires is None):
        yield Risk("schedule-more-frequent", (*line, Span(" may fire more often (not a cron expression that we read)")))
    elif after.fires.per_day > (before.fires.per_day if before and before.fires else 0):
        told = f"{before.often} → {after.often}" if before else after.often
        yield Risk("schedule-more-frequent", (*line, Span(f" fires more often ({told})")))


def _triggers(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    was, will = ({} if side.get("triggers_off") else mapping(side, "triggers") for side in (old, new))
    for event in sorted(was.keys() - will.keys()):
        yield Risk("trigger-removed", phrase("event ", Span(clean.name(event), "name"), " no longer starts the flow"))
    more = sorted(will.keys() - was.keys())
    # an event that is waited for in place of another one is told by the one that goes
    if was and more and was.keys() <= will.keys():
        comes = " has come, too" if len(more) == 1 else " have come, too"
        yield Risk("trigger-joined", phrase("the flow starts only once ", *names(map(clean.name, more)), comes))


def _chains(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    """What a stack says of its flows together."""
    for event in _added(old, new, "unsent"):
        name = Span(clean.name(event), "name")
        yield Risk("event-unsent", phrase("nobody in the stack sends the event ", name, ", which starts the flow"))
    for circle in _added(old, new, "circles"):
        yield Risk("flows-in-circle", phrase(Span(clean.name(circle), "name"), ": they may run for ever"))


def _added(old: Mapping[str, Json], new: Mapping[str, Json], key: str) -> Iterator[str]:
    known = set(strings(old, key))
    yield from (each for each in strings(new, key) if each not in known)


def _permissions(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    """What service accounts of the flow's own may do in their namespace."""
    before, after = mapping(old, "permissions"), mapping(new, "permissions")
    for who in sorted(before.keys() & after.keys()):
        was, will = (set(strings(side, who)) for side in (before, after))
        for kind, more, verb in (
            ("role-widened", will - was, "may now"),
            ("role-narrowed", was - will, "may no longer"),
        ):
            for permission in sorted(more):
                subject = "the flow's pods" if who == "pods" else "the Sensor"
                yield Risk(kind, phrase(f"{subject} {verb}: ", Span(clean.name(permission), "name")))


def _parameters(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    before, after = mapping(old, "parameters"), mapping(new, "parameters")
    for parameter, entry in before.items():
        name = Span(clean.name(parameter), "name")
        if parameter not in after:
            yield Risk("parameter-removed", phrase("parameter ", name, " is removed; callers may still give it"))
            continue
        was, will = (item.get("type") if isinstance(item, dict) else None for item in (entry, after[parameter]))
        if was != will:
            line = phrase("parameter ", name, ": type ", _span(was, "before"), " → ", _span(will, "after"))
            yield Risk("parameter-type", line)
    for parameter, entry in after.items():
        if _required(entry) and not _required(before.get(parameter)):
            name = Span(clean.name(parameter), "name")
            line = phrase("parameter ", name, " is required from now on; callers may not give it")
            yield Risk("parameter-required", line)


def _required(entry: Json) -> bool:
    return isinstance(entry, dict) and bool(entry.get("required")) and "default" not in entry


def _steps(old: Mapping[str, Json], new: Mapping[str, Json], renamed: Mapping[str, str]) -> Iterator[Risk]:
    before, after = mapping(old, "steps"), mapping(new, "steps")
    # what was and what will be → the steps of which it is so
    fewer: dict[tuple[str, str], list[str]] = {}
    shortened: dict[tuple[str, str], list[str]] = {}
    queues: dict[tuple[str, str], list[str]] = {}
    images: dict[tuple[str, str], list[str]] = {}
    for name in in_order(before):
        entry, step = before[name], renamed.get(name, name)
        changed = after.get(step)
        if not isinstance(entry, dict) or not isinstance(changed, dict):
            continue
        if _number(changed, "retries", 0) < _number(entry, "retries", 0):
            fewer.setdefault(_both(entry, changed, "retries", "0"), []).append(step)
        if _number(changed, "timeout", STEP_TIMEOUT) < _number(entry, "timeout", STEP_TIMEOUT):
            shortened.setdefault(_both(entry, changed, "timeout", "5 days", " s"), []).append(step)
        if entry.get("queue") != changed.get("queue"):
            queues.setdefault(_both(entry, changed, "queue", "the platform's"), []).append(step)
        # an image that moves with Python is told with it
        if entry.get("image") != changed.get("image") and old.get("python") == new.get("python"):
            images.setdefault(_both(entry, changed, "image", "none"), []).append(step)
    for kind, what, groups in (
        ("retries-removed", "retries", fewer),
        ("timeout-shortened", "timeout", shortened),
        ("queue-changed", "queue", queues),
        ("image-changed", "image", images),
    ):
        for (was, will), steps in groups.items():
            who: list[Span | str] = ["step " if len(steps) == 1 else "steps ", *names(map(clean.name, steps))]
            yield Risk(kind, phrase(*who, f": {what} ", Span(was, "before"), " → ", Span(will, "after")))
    if _number(new, "workflow_timeout", None) < _number(old, "workflow_timeout", None):
        was, will = _both(old, new, "workflow_timeout", "none", " s")
        yield Risk("timeout-shortened", phrase("the run's timeout ", Span(was, "before"), " → ", Span(will, "after")))


def _versions(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    """Risks of new versions of Python and Metaflow, which are those of whoever compiles, unless something pins them."""
    if old.get("python") != new.get("python"):
        before, after = mapping(old, "steps"), mapping(new, "steps")
        moved = [step for step in in_order(after) if step in before and _image(before[step]) != _image(after[step])]
        images: list[Span | str] = [" in another image (", *names(map(clean.name, moved)), ")"] if moved else []
        was, will = (clean.name(str(side.get("python"))) for side in (old, new))
        line = phrase("tasks run on Python ", Span(was, "before"), " → ", Span(will, "after"), *images, ": ")
        yield Risk("python-changed", (*line, Span("`python_version` pins it, whoever compiles")))
    was, will = (clean.name(str(side.get("metaflow"))) for side in (old, new))
    if was.split(".")[:2] != will.split(".")[:2]:
        line = phrase("compiled by Metaflow ", Span(was, "before"), " → ", Span(will, "after"))
        yield Risk("metaflow-changed", (*line, Span(", with which tasks run, too")))


def _image(step: Json) -> Json:
    return step.get("image") if isinstance(step, dict) else None


def _places(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    for key, kind, what, effect in (
        ("datastore", "datastore-changed", "the datastore", "earlier runs stay in the old one, for resume too"),
        ("queue", "queue-changed", "the job queue", "tasks that wait stay in the old one"),
        ("kubernetes_namespace", "namespace-changed", "the Kubernetes namespace", "runs stay in the old one"),
    ):
        if key in old and old[key] != new.get(key):
            was, will = _both(old, new, key, "none")
            line = phrase(f"{what} ", Span(was, "before"), " → ", Span(will, "after"), f": {effect}")
            yield Risk(kind, line)


def _namespaces(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    """Risks for whoever finds runs by Metaflow's namespace; a name that changes is told with what it is the name of."""
    for key, kind, what, absent, effect in (
        (
            "production_token",
            "production-token-changed",
            "the production token",
            "the stack's own",
            "earlier runs stay in the namespace of the old one",
        ),
        (
            "namespace",
            "lookup-namespace-changed",
            "the namespace in which tasks look for runs",
            "the production token's",
            "they find other runs, or none",
        ),
    ):
        if old.get(key) != new.get(key):
            was, will = _both(old, new, key, absent)
            line = phrase(f"{what} ", Span(was, "before"), " → ", Span(will, "after"), f": {effect}")
            yield Risk(kind, line)


def _given_up(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    before, after = _secrets(old), _secrets(new)
    for secret in sorted(before - after):
        name = Span(clean.short(secret), "name")
        yield Risk("secret-given-up", phrase("secret ", name, " is given up: running executions lose it"))
    if "table" in old and old["table"] != new.get("table"):
        was, will = _both(old, new, "table", "none")
        line = phrase("the foreach table ", Span(was, "before"), " → ", Span(will, "after"))
        yield Risk("table-given-up", (*line, Span(": running executions lose it")))


def _secrets(inputs: Mapping[str, Json]) -> set[str]:
    return {secret for step in mapping(inputs, "steps").values() for secret in strings(step, "secrets")}


def _both(old: Mapping[str, Json], new: Mapping[str, Json], key: str, absent: str, unit: str = "") -> tuple[str, str]:
    values = (side.get(key) for side in (old, new))
    return clean.pair(*(absent if value is None else clean.show(value) + unit for value in values))


def _number(entry: Mapping[str, Json], key: str, absent: float | None) -> float:
    """A number of the inputs; None for `absent` means no limit."""
    value = entry.get(key)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return float("inf") if absent is None else absent


def _span(value: Json, role: Any) -> Span:
    return Span(clean.short("none" if value is None else clean.show(value)), role)
