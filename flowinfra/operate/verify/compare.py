"""Values as AWS means them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def tag_differences(asked: Mapping[str, str], live: Mapping[str, str]) -> Iterator[str]:
    """Find the tags that are not as deployed."""
    for key, value in sorted(asked.items()):
        if key not in live:
            yield f"the tag {key} is missing"
        elif live[key] != value:
            yield f"the tag {key} is {live[key]!r}, deployed was {value!r}"
    for key in sorted(live.keys() - asked.keys()):
        if not key.startswith("aws:"):
            yield f"has the tag {key}, which was not deployed"


def pairs(tags: list[Mapping[str, str]]) -> dict[str, str]:
    """Tags out of AWS's list of pairs, however that service spells them."""
    return {each.get("Key", each.get("key", "")): each.get("Value", each.get("value", "")) for each in tags}


def same_policy(asked: str, live: Any) -> bool:
    """Whether two policies say the same: a list of one is that one, and order means nothing."""
    return bool(_policy(json.loads(asked)) == _policy(json.loads(live) if isinstance(live, str) else live))


def _policy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _policy(each) for key, each in value.items()}
    if isinstance(value, list):
        items = sorted((_policy(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
        return items[0] if len(items) == 1 else items
    return value


def not_in(asked: Any, live: Any, path: str = "") -> Iterator[str]:
    """Paths of values that were asked for and are live otherwise; neither additions of AWS nor empty values count."""
    if asked in (None, [], {}, ""):
        return
    if isinstance(asked, Mapping) and isinstance(live, Mapping):
        for key, value in asked.items():
            yield from not_in(value, live.get(key), f"{path}.{key}" if path else key)
    elif isinstance(asked, list) and isinstance(live, list):
        if _ordered(asked) != _ordered(live):
            yield path
    elif asked != live:
        yield path


def _ordered(items: list[Any]) -> list[str]:
    # lists of variables and of resources come in any order; without an empty variable, which Batch drops
    kept = [item for item in items if not (isinstance(item, Mapping) and item.get("value") == "")]
    if all(isinstance(item, str) for item in kept):
        return [str(item) for item in kept]
    return sorted(json.dumps(item, sort_keys=True) for item in kept)


def shown(value: Any) -> str:
    """A short value unchanged; others by their kind."""
    if value is None:
        return "none"
    if isinstance(value, (str, int, float, bool)) and len(str(value)) <= 60:
        return str(value)
    return "another"
