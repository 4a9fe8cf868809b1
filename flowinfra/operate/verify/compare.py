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
    elif _named(asked) and _named(live):
        wanted, found = _by_name(asked), _by_name(live)
        yield from not_in(wanted, found, path)
        yield from (f"{path}.{name}" for name, value in found.items() if value and name not in wanted)
    elif isinstance(asked, list) and isinstance(live, list):
        if _ordered(asked) != _ordered(live):
            yield path
    elif asked != live:
        yield path


def _named(items: Any) -> bool:
    """Whether it is a list such as Batch's of variables, which comes in any order."""
    return isinstance(items, list) and all(isinstance(item, Mapping) and {*item} == {"name", "value"} for item in items)


def _by_name(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["name"]: item["value"] for item in items}


def _ordered(items: list[Any]) -> list[str]:
    # lists of resources come in any order
    if all(isinstance(item, str) for item in items):
        return [str(item) for item in items]
    return sorted(json.dumps(item, sort_keys=True) for item in items)


def shown(value: Any) -> str:
    """A short value unchanged; others by their kind."""
    if value is None:
        return "none"
    if isinstance(value, (str, int, float, bool)) and len(str(value)) <= 60:
        return str(value)
    return "another"
