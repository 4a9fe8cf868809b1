"""Flows that leave while others with the same steps come: one flow that was renamed, as it seems. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flowinfra.engine.preview import Diagnostic
from flowinfra.model import clean
from flowinfra.report.resources import FlowPart
from flowinfra.report.steps import mapping, strings

Json = Any


def renamed_flows(parts: Iterable[FlowPart]) -> Iterator[Diagnostic]:
    """What to do where a flow may have been renamed: told of pairs in which no other flow fits either."""
    listed = list(parts)
    gone = [part.old for part in listed if part.old is not None and part.new is None]
    come = [part.new for part in listed if part.new is not None and part.old is None]
    for old in gone:
        fitting = [new for new in come if _graph(old) and _graph(new) == _graph(old)]
        rivals = [other for other in gone if _graph(other) == _graph(old)]
        if len(fitting) == len(rivals) == 1:
            yield Diagnostic("info", _suggestion(old, fitting[0]))


def _graph(inputs: Mapping[str, Json]) -> Json:
    """Target and steps, with what follows each; None where there are no steps."""
    steps = mapping(inputs, "steps")
    found = {name: (mapping(steps, name).get("kind"), strings(entry, "next")) for name, entry in steps.items()}
    return (inputs.get("target"), found) if found else None


def _suggestion(old: Mapping[str, Json], new: Mapping[str, Json]) -> str:
    same_class = old.get("flow") == new.get("flow")
    former = clean.name(str(old.get("name") if same_class else old.get("flow")))
    was, now = (clean.name(str(side.get("name"))) for side in (old, new))
    kept = (
        "" if mapping(old, "project") or same_class else f", and with `name: {former}` it stays what it was deployed as"
    )
    return (
        f"{was} leaves, and {now} comes with the same steps: if it was renamed, give {now} `renamed_from: {former}`"
        f'{kept} (docs/stacks.md, "A flow that is renamed")'
    )
