"""A flow's old and new inputs → what changes, in the flow's words. Pure.

The inputs are those of a flow's component (`flowinfra.components.inputs.describe`). Keys that are not known here, of an
older or newer version, are named by their path: nothing that differs is left out, apart from digests that only follow
from something that is reported (the code package's).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from flowinfra.model import clean
from flowinfra.report.change import Change, Delta, FileChange
from flowinfra.report.labels import FLOW_FIELDS, MAPPINGS, MEMBERS, PARAMETER_FIELDS, STEP_FIELDS, TEXTS, YES, Field
from flowinfra.report.schedule import OFF, Schedule, running_schedules, schedules_of
from flowinfra.report.steps import in_order, mapping, renames, strings
from flowinfra.report.words import count

Json = Any


_KINDS_BY_NEXT = (None, "split")
"""Kinds of a step that follow from how many steps are next."""
_TOLD_APART = {"steps", "parameters", "schedule", "schedules", "source", "package", "metaflow_files"}


def compare(old: Mapping[str, Json], new: Mapping[str, Json]) -> Delta:
    """What differs between two versions of a flow's inputs."""
    renamed = renames(mapping(old, "steps"), mapping(new, "steps"))
    files = tuple(_file_changes(mapping(old, "source"), mapping(new, "source")))
    found = [
        *_step_changes(old, new, renamed),
        *_parameter_changes(old, new),
        *_schedule_change(old, new),
        *_inputs(_without(old, _TOLD_APART), _without(new, _TOLD_APART), FLOW_FIELDS),
    ]
    if old.get("metaflow_files") != new.get("metaflow_files") and old.get("metaflow") == new.get("metaflow"):
        found.append(_field(Field("Metaflow's own files"), old.get("metaflow_files"), new.get("metaflow_files")))
    return Delta(tuple(found), files, renamed, bool(files) or old.get("package") != new.get("package"))


def introduce(inputs: Mapping[str, Json], kind: Literal["added", "removed"]) -> tuple[Change, ...]:
    """What a flow that is new (`added`) or leaves (`removed`) consists of."""
    found: list[Change] = []
    steps = mapping(inputs, "steps")
    if steps:
        listed = ", ".join(clean.name(step) for step in in_order(steps))
        found.append(_one_sided(kind, listed, Change(kind, count(len(steps), "step"))))
    for parameter, entry in mapping(inputs, "parameters").items():
        found.append(_one_sided(kind, _parameter(entry), Change(kind, "parameter", (clean.name(parameter),))))
    for name, schedule in running_schedules(inputs).items():
        found.append(_one_sided(kind, schedule.text, Change(kind, "schedule", _owner(name), note=schedule.often)))
    return tuple(found)


def _step_changes(old: Mapping[str, Json], new: Mapping[str, Json], renamed: Mapping[str, str]) -> Iterator[Change]:
    before, after = mapping(old, "steps"), mapping(new, "steps")
    if not before and not after:
        yield from _unknown("steps", old.get("steps"), new.get("steps"))
        return
    for step in in_order(before):
        if step in renamed:
            yield Change("renamed", "step", (clean.name(step),), after=clean.name(renamed[step]))
        elif step not in after:
            yield Change("removed", "step", (clean.name(step),))
    back = {now: then for then, now in renamed.items()}
    shared: list[Change] = []
    for step in in_order(after):
        entry, origin = after[step], back.get(step, step)
        if origin in before:
            shared += _of("step", step, _one_step(before[origin], entry, renamed))
        else:
            yield _one_sided("added", _step_summary(entry), Change("added", "step", (clean.name(step),)))
    yield from _together(shared, {clean.name(step) for step in after})


def _one_step(old: Json, new: Json, renamed: Mapping[str, str]) -> Iterator[Change]:
    """What differs in one step."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield from _unknown("", old, new)
        return
    skipped = {"next"}
    follows = [renamed.get(step, step) for step in strings(old, "next")]
    if follows != strings(new, "next"):
        yield _field(Field("next"), follows, strings(new, "next"))
        if all(step.get("kind") in _KINDS_BY_NEXT for step in (old, new)):
            skipped.add("kind")
    if old.get("retries") != new.get("retries") or ("catch" in mapping(old, "decorators")) != (
        "catch" in mapping(new, "decorators")
    ):
        skipped.add("attempts")  # follows from what is told
    yield from _inputs(_without(old, skipped), _without(new, skipped), STEP_FIELDS)


def _together(changes: list[Change], steps: set[str]) -> Iterator[Change]:
    """Changes in which a change that several steps have is one line."""
    groups: dict[Change, list[str]] = {}
    for change in changes:
        groups.setdefault(replace(change, names=()), []).extend(change.names)
    for change, owners in groups.items():
        yield replace(change, names=tuple(owners), everywhere=len(owners) > 1 and set(owners) == steps)


def _parameter_changes(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Change]:
    before, after = mapping(old, "parameters"), mapping(new, "parameters")
    if not before and not after:
        yield from _unknown("parameters", old.get("parameters"), new.get("parameters"))
    for name in _union(before, after):
        owner = (clean.name(name),)
        if name not in after:
            yield _one_sided("removed", _parameter(before[name]), Change("removed", "parameter", owner))
        elif name not in before:
            yield _one_sided("added", _parameter(after[name]), Change("added", "parameter", owner))
        elif isinstance(before[name], dict) and isinstance(after[name], dict):
            yield from _of("parameter", name, _inputs(before[name], after[name], PARAMETER_FIELDS))
        else:
            yield from _of("parameter", name, _unknown("", before[name], after[name]))


def _schedule_change(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Change]:
    before, after = schedules_of(old), schedules_of(new)
    for name in _union(before, after):
        yield from _one_schedule(name, before.get(name), after.get(name), old, new)
    sides = [side.get("schedules") for side in (old, new)]
    if sides[0] != sides[1] and not all(side is None or isinstance(side, dict) for side in sides):
        yield from _unknown("schedules", *sides)


def _one_schedule(
    name: str, was: Schedule | None, will: Schedule | None, old: Mapping[str, Json], new: Mapping[str, Json]
) -> Iterator[Change]:
    before, after = (each.text if each and each.on else None for each in (was, will))
    if before != after:
        one, other = clean.pair(before or OFF, after or OFF)
        pace = _pace(was if was and was.on else None, will if will and will.on else None)
        yield Change("changed", "schedule", _owner(name), before=one, after=other, note=pace)
    elif was and will and was.text != will.text:
        yield replace(_field(Field("schedule"), was.text, will.text), names=_owner(name), note="it is off")
    elif not name and (was and will) is None and old.get("schedule") != new.get("schedule"):
        yield from _unknown("schedule", old.get("schedule"), new.get("schedule"))


def _owner(name: str) -> tuple[str, ...]:
    """Of a flow's own schedule, that is none."""
    return (name,) if name else ()


def _pace(before: Schedule | None, after: Schedule | None) -> str:
    """How often the schedule ran and runs; empty where that is not known."""
    was, will = (schedule.often if schedule else "" for schedule in (before, after))
    if was and will:
        return f"{was} → {will}" if was != will else f"{was}, as before"
    return will or (f"was {was}" if was else "")


def _inputs(old: Mapping[str, Json], new: Mapping[str, Json], fields: Mapping[str, Field]) -> Iterator[Change]:
    """What differs between two mappings of inputs, by what is known of their keys."""
    for key in sorted(_union(old, new), key=lambda key: list(fields).index(key) if key in fields else len(fields)):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if key in fields:
            yield _field(fields[key], before, after)
        elif key in MEMBERS and _is_none_or(list, before, after):
            yield from _members(MEMBERS[key], before or [], after or [])
        elif key in MAPPINGS and _is_none_or(dict, before, after):
            yield from _entries(MAPPINGS[key], before or {}, after or {})
        else:
            yield from _unknown(key, before, after)


def _members(word: str, old: list[Json], new: list[Json]) -> Iterator[Change]:
    """Lists whose order says nothing."""
    for item in old:
        if item not in new:
            yield Change("removed", word, (clean.short(_value(item)),))
    for item in new:
        if item not in old:
            yield Change("added", word, (clean.short(_value(item)),))


def _entries(word: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Change]:
    """Mappings with names of the user's: what came, went and differs, by its path."""
    for path, before, after in _leaves(old, new):
        owner = (clean.name(("@" if word == "decorator" else "") + ".".join(path)),)
        if before is None:
            yield _one_sided("added", _entry(word, after), Change("added", word, owner))
        elif after is None:
            yield _one_sided("removed", _entry(word, before), Change("removed", word, owner))
        else:
            yield replace(_field(Field(word, quoted=word not in TEXTS), before, after), names=owner)


def _entry(word: str, value: Json) -> str | None:
    """A decorator without attributes, and an override, is `true`, and has no value to tell."""
    return None if value is True and word in ("decorator", "override") else _value(value, quoted=word not in TEXTS)


def _unknown(key: str, old: Json, new: Json) -> Iterator[Change]:
    """Anything that differs, by its path."""
    if old == new:
        return
    path = (key,) if key else ()
    leaves = _leaves(old, new, path) if isinstance(old, dict) and isinstance(new, dict) else [(path, old, new)]
    for where, before, after in leaves:
        owner = (clean.name(".".join(where)),) if where else ()
        yield replace(_field(Field("", quoted=True), before, after), names=owner)


def _leaves(
    old: Mapping[str, Json], new: Mapping[str, Json], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Json, Json]]:
    for key in _union(old, new):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _leaves(before, after, (*path, key))
        elif before != after:
            yield (*path, key), before, after


def _field(known: Field, before: Json, after: Json) -> Change:
    one, other = clean.differing(before, after, lambda value: _value(value, known.absent, known.quoted))
    change = Change("changed", known.what, before=one, after=other, unit=known.unit)
    # the unit stands with the number that it belongs to: `5 days → 1800 s`
    if known.unit and before is None:
        return replace(change, unit="", after=f"{other} {known.unit}")
    if known.unit and after is None:
        return replace(change, unit="", before=f"{one} {known.unit}")
    return change


def _of(subject: str, name: str, changes: Iterable[Change]) -> Iterator[Change]:
    """Changes of one step or parameter: what was their subject is what changed of it."""
    for change in changes:
        yield replace(
            change, subject=subject, names=(clean.name(name),), what=change.subject, key=", ".join(change.names)
        )


def _one_sided(kind: Literal["added", "removed"], value: str | None, change: Change) -> Change:
    shown = None if value is None else clean.short(value)
    return replace(change, after=shown) if kind == "added" else replace(change, before=shown)


def _value(value: Json, absent: str = "none", quoted: bool = False) -> str:
    """A value as the report writes it; with `quoted`, text that looks like another value is in quotes."""
    if value is None:
        return absent
    if value is True:
        return YES.get(absent, "true")
    if value is False and absent in YES:
        return absent
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or absent
    return clean.show(value) if quoted or not isinstance(value, str) else value


def _parameter(entry: Json) -> str:
    if not isinstance(entry, dict):
        return _value(entry, quoted=True)
    default = [f"default {_value(entry['default'], quoted=True)}"] if "default" in entry else []
    required = ["required"] if entry.get("required") else []
    return ", ".join([str(entry.get("type", "of unknown type")), *default, *required])


def _step_summary(entry: Json) -> str | None:
    if not isinstance(entry, dict):
        return None
    told = [str(entry["kind"])] if "kind" in entry else []
    for key in ("cpu", "memory", "gpu", "image"):
        if key in entry:
            unit = STEP_FIELDS[key].unit
            told.append(f"{key} {_value(entry[key])}" + (f" {unit}" if unit else ""))
    return ", ".join(told)


def _file_changes(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[FileChange]:
    for path in sorted({*old, *new}):
        before, after = (str(side[path]) if path in side else None for side in (old, new))
        if before != after:
            yield FileChange(
                "added" if before is None else "removed" if after is None else "changed", path, before, after
            )


def _without(entry: Mapping[str, Json], keys: set[str]) -> dict[str, Json]:
    return {key: value for key, value in entry.items() if key not in keys}


def _is_none_or(kind: type, *values: Json) -> bool:
    return all(value is None or isinstance(value, kind) for value in values)


def _union(old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
    """Keys of both, in the new one's order."""
    return list(dict.fromkeys([*new, *old]))
