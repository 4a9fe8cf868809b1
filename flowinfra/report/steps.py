"""The steps of a flow's inputs: their order, and which of them only changed their name. Pure.

The inputs are untrusted: `next` may name steps that are not there, a step may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Any


def mapping(inputs: Json, key: str) -> Mapping[str, Json]:
    """A mapping of the inputs; empty where there is something else (an unknown value, a secret)."""
    value = inputs.get(key) if isinstance(inputs, dict) else None
    return value if isinstance(value, dict) else {}


def strings(inputs: Json, key: str) -> list[str]:
    """Names that the inputs have as a list, or with commas between them; empty where there is something else."""
    value = inputs.get(key) if isinstance(inputs, dict) else None
    if isinstance(value, str):
        return value.split(", ")
    return [str(item) for item in value] if isinstance(value, list) else []


def in_order(steps: Mapping[str, Json]) -> list[str]:
    """Steps as they run: each after all that lead to it. (A preview has them sorted by name.)"""
    waiting = dict.fromkeys(steps, 0)
    for entry in steps.values():
        for follower in set(strings(entry, "next")) & steps.keys():
            waiting[follower] += 1
    ready = [step for step in steps if not waiting[step]]
    for step in ready:  # grows while it is walked
        for follower in dict.fromkeys(strings(steps[step], "next")):
            if follower in waiting:
                waiting[follower] -= 1
                if not waiting[follower]:
                    ready.append(follower)
    # what stands in a cycle comes last
    return ready + [step for step in steps if step not in set(ready)]


def renames(old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, str]:
    """Steps that only changed their name: old → new, where exactly one pair fits.

    Two steps fit if they stand between the same steps, are of one kind and differ in one property at most; where
    several do, if nothing else differs at all.
    """
    found: dict[str, str] = {}
    while True:
        gone = [step for step in old if step not in new and step not in found]
        come = [step for step in new if step not in old and step not in found.values()]
        before = _places(old, {**found, **dict.fromkeys(gone)})
        after = _places(new, dict.fromkeys(come))
        fitting = [
            (step, other)
            for step in gone
            for other in come
            if before[step] == after[other] and _distance(old[step], new[other]) <= 1
        ]
        equal = [(step, other) for step, other in fitting if _distance(old[step], new[other]) == 0]
        pair = _unambiguous(fitting) or _unambiguous(equal)
        if pair is None:
            return found
        found[pair[0]] = pair[1]


def _places(steps: Mapping[str, Json], labels: Mapping[str, str | None]) -> dict[str, Json]:
    """Step → kind, the steps before it and those after it, by their labels (their names where they have none)."""
    before: dict[str, set[str | None]] = {}
    for step, entry in steps.items():
        for follower in strings(entry, "next"):
            before.setdefault(follower, set()).add(labels.get(step, step))
    return {
        step: (
            entry.get("kind") if isinstance(entry, dict) else None,
            before.get(step, set()),
            [labels.get(name, name) for name in strings(entry, "next")],
        )
        for step, entry in steps.items()
    }


def _distance(old: Json, new: Json) -> int:
    """Number of properties in which two steps differ, apart from what follows them."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return 0 if old == new else 2
    return sum(old.get(key) != new.get(key) for key in _union(old, new) if key != "next")


def _unambiguous(pairs: list[tuple[str, str]]) -> tuple[str, str] | None:
    """The first pair of which neither side is in another pair."""
    for pair in pairs:
        if sum(pair[0] == step for step, _ in pairs) == 1 and sum(pair[1] == other for _, other in pairs) == 1:
            return pair
    return None


def _union(old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
    return list(dict.fromkeys([*new, *old]))
