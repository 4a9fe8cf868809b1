"""Patterns of EventBridge: which are valid, and which events they match.

AWS: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html. EventBridge matches with
Ruler (https://github.com/aws/event-ruler), which the tests ask for its opinion where there is Java. As there:

- only leaves are matched; an element of an array is a leaf of the array's path;
- paths through one array must be those of one element ("array consistency");
- an empty object or array has no leaf, so its path does not exist.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowinfra.model.events.conditions import Condition, InvalidPatternError, Number, condition

_OR = "$or"
_RESERVED = frozenset(
    (
        *("exactly", "prefix", "suffix", "anything-but", "numeric", "exists", "cidr", "equals-ignore-case"),
        *("wildcard", "anything-but-prefix", "anything-but-suffix", "$or"),
    )
)
"""Names that a field inside of `$or` cannot have."""
Branch = dict[str, Sequence[Condition]]
"""Path → conditions of which one must hold; all paths must."""
Place = Mapping[int, int]
"""Array, by a number → index of the element that a leaf is in."""


@dataclass(frozen=True)
class Pattern:
    """A valid pattern: it matches what one of its branches does."""

    branches: Sequence[Branch]

    def matches(self, event: str | Mapping[str, Any]) -> bool:
        """Whether an event matches, given as JSON or as what that is read to."""
        leaves = _leaves(_read(event if isinstance(event, str) else json.dumps(event)))
        return any(_holds(list(branch.items()), leaves, {}) for branch in self.branches)


@functools.lru_cache(maxsize=1024)
def compiled(text: str) -> Pattern:
    """The pattern that a JSON text is; InvalidPatternError with a reason if it is none."""
    try:
        found = _read(text)
    except ValueError as error:
        raise InvalidPatternError(str(error)) from None
    if not isinstance(found, dict):
        raise InvalidPatternError("Filter is not an object")
    branches: list[Branch] = []
    _compile(found, "", branches, inside_or=False)
    return Pattern(branches)


def _read(text: str) -> Any:
    """JSON, with numbers as they are written."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _compile(found: Mapping[str, Any], path: str, branches: list[Branch], *, inside_or: bool) -> None:
    if not found:
        raise InvalidPatternError("Empty objects are not allowed")
    for name, value in found.items():
        if name == _OR:
            _compile_or(value, path, branches)
            continue
        if inside_or and name in _RESERVED:
            raise InvalidPatternError(f"{name} is Ruler reserved fieldName which cannot be used inside {_OR}.")
        here = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            _compile(value, here, branches, inside_or=inside_or)
        elif isinstance(value, list):
            if not value:
                raise InvalidPatternError("Empty arrays are not allowed")
            conditions = [condition(each) for each in value]
            if not branches:
                branches.append({})
            for branch in branches:
                branch[here] = conditions
        else:
            raise InvalidPatternError(f'"{name}" must be an object or an array')


def _compile_or(found: Any, path: str, branches: list[Branch]) -> None:
    """Each branch so far goes on as one for each alternative."""
    if not isinstance(found, list):
        raise InvalidPatternError(f"It must be an Array followed with {_OR}.")
    before = [dict(branch) for branch in branches] or [{}]
    branches.clear()
    for each in found:
        if not isinstance(each, dict):
            raise InvalidPatternError(f"Only JSON object is allowed in array of {_OR} relationship.")
        more = [dict(branch) for branch in before]
        _compile(each, path, more, inside_or=True)
        branches.extend(more)
    if len(found) < 2:
        raise InvalidPatternError(f"There must have at least 2 Objects in {_OR} relationship.")


def _leaves(event: Any) -> dict[str, list[tuple[Any, Place]]]:
    found: dict[str, list[tuple[Any, Place]]] = {}
    numbers = iter(range(1 << 30))
    for path, value, place in _walk(event, "", {}, numbers):
        found.setdefault(path, []).append((value, place))
    return found


def _walk(value: Any, path: str, place: Place, numbers: Iterator[int]) -> Iterator[tuple[str, Any, Place]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _walk(each, f"{path}.{name}" if path else name, place, numbers)
    elif isinstance(value, list):
        number = next(numbers)
        for index, each in enumerate(value):
            inside = {**place, number: index} if isinstance(each, (dict, list)) else place
            yield from _walk(each, path, inside, numbers)
    else:
        yield path, value, place


def _holds(
    wanted: Sequence[tuple[str, Sequence[Condition]]], leaves: Mapping[str, list[tuple[Any, Place]]], place: Place
) -> bool:
    """Whether there are leaves for all paths that are in the same elements of the arrays that they share."""
    if not wanted:
        return True
    (path, conditions), *rest = wanted
    there = leaves.get(path, [])
    if not there:
        return any(each.absent for each in conditions) and _holds(rest, leaves, place)
    for value, at in there:
        if any(place.get(array, index) != index for array, index in at.items()):
            continue
        if any(each.holds(value) for each in conditions) and _holds(rest, leaves, {**place, **at}):
            return True
    return False
