"""What a resource takes and gives, as data, and the two questions that follow from it: is an input right, what differs.

Pure: nothing here knows the engine or AWS. Semantics are those of the bridged provider (terraform-plugin-sdk v2):
an absent value, an empty one, zero and false are one and the same, a value that AWS fills in (`computed`) differs
only where the program asks for another one, and a change of a `replaces` property replaces the resource.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flowinfra.plugin.checks import Check
from flowinfra.plugin.wire import UNKNOWN, Asset, Plain, has_unknown

Kind = Literal["string", "integer", "number", "boolean", "map", "list", "object", "asset"]

_PYTHON: dict[Kind, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "map": dict,
    "list": list,
    "object": dict,
    "asset": Asset,
}


@dataclass(frozen=True)
class Prop:
    """One input property."""

    kind: Kind = "string"
    required: bool = False
    default: Any = None
    """What the provider itself fills in at check."""
    computed: bool = False
    """AWS fills it in where the program leaves it out."""
    replaces: bool = False
    """A change makes a new resource."""
    unread: bool = False
    """AWS does not tell it: a read keeps what the state has."""
    checks: tuple[Check, ...] = ()
    conflicts: tuple[str, ...] = ()
    """Properties that may not be given together with this one."""
    same: Callable[[Any, Any], bool] | None = None
    """Equality in the provider's eyes, of an old and a new value that are both known."""
    fields: Mapping[str, Prop] = field(default_factory=dict)
    """Fields of an object."""
    item: Prop | None = None
    """Type of the items of a list or map."""
    unordered: bool = False
    """A list whose order means nothing (a set)."""
    limit: int | None = None
    """Most items of a list."""


def text(*checks: Check, **options: Any) -> Prop:
    """A string."""
    return Prop("string", checks=checks, **options)


def whole(*checks: Check, **options: Any) -> Prop:
    """A whole number."""
    return Prop("integer", checks=checks, **options)


def number(*checks: Check, **options: Any) -> Prop:
    """A number, whole or not."""
    return Prop("number", checks=checks, **options)


def flag(**options: Any) -> Prop:
    """A boolean."""
    return Prop("boolean", **options)


def block(fields: Mapping[str, Prop], **options: Any) -> Prop:
    """An object with known fields."""
    return Prop("object", fields=fields, **options)


def listing(item: Prop, **options: Any) -> Prop:
    """A list."""
    return Prop("list", item=item, **options)


def strings(**options: Any) -> Prop:
    """A map of strings."""
    return Prop("map", item=Prop(), **options)


@dataclass(frozen=True)
class Schema:
    """A resource type."""

    title: str
    """Name that upstream's messages give the type: `Step Functions State Machine`."""
    inputs: Mapping[str, Prop]
    outputs: tuple[str, ...] = ()
    """Properties that only AWS knows."""
    identity: str | None = "name"
    """The property that the provider makes up where the program leaves it out; None where it makes up no property."""
    identity_limit: int = 255
    """Longest made-up name."""
    tagged: bool = True
    regional: bool = True

    @property
    def properties(self) -> Mapping[str, Prop]:
        """All inputs, with those that every tagged or regional resource has."""
        return _complete(self)


_COMPLETE: dict[int, Mapping[str, Prop]] = {}
_TAGS = strings()
_TAGS_ALL = strings(computed=True)
_REGION = text(computed=True, replaces=True)


def _complete(schema: Schema) -> Mapping[str, Prop]:
    # Schemas are module constants: one merge each, not one per call of the engine.
    found = _COMPLETE.get(id(schema))
    if found is None:
        found = dict(schema.inputs)
        if schema.tagged:
            found |= {"tags": _TAGS, "tagsAll": _TAGS_ALL}
        if schema.regional:
            found["region"] = _REGION
        _COMPLETE[id(schema)] = found
    return found


@dataclass(frozen=True)
class Problem:
    """One input that is not right."""

    path: str
    reason: str


def snake(name: str) -> str:
    """Upstream's name of a property: `roleArn` → `role_arn`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def join(path: str, key: str | int) -> str:
    """A property path in the engine's syntax: `a.b[0]["c.d"]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key)}]"


def problems(properties: Mapping[str, Prop], values: Mapping[str, Plain], path: str = "") -> Iterator[Problem]:
    """All that is wrong with the inputs of a resource or block, as far as they are known."""
    for name in values:
        if name not in properties and not name.startswith("__"):
            known = ", ".join(sorted(set(properties) - {"tagsAll"}))
            yield Problem(
                join(path, name),
                f"there is no property {name!r} here; known are: {known}",
            )
    for name, prop in properties.items():
        value = values.get(name)
        if value is None:
            if prop.required:
                yield Problem(
                    join(path, name),
                    f'Missing required argument. The argument "{snake(name)}" is required, '
                    "but no definition was found.",
                )
            continue
        for other in prop.conflicts:
            if not empty(values.get(other)) and not empty(value):
                yield Problem(
                    join(path, name),
                    f'Conflicting configuration arguments. "{snake(name)}": conflicts with {snake(other)}',
                )
        yield from _value_problems(prop, snake(name), value, join(path, name))


def _value_problems(prop: Prop, name: str, value: Plain, path: str) -> Iterator[Problem]:
    if value is UNKNOWN:
        return
    if not _is(prop.kind, value):
        yield Problem(path, f"expected {prop.kind} for {name}, got {type(value).__name__}: {value!r}")
        return
    for check in prop.checks:
        for reason in check(name, value):
            yield Problem(path, reason)
    if prop.kind == "object":
        yield from problems(prop.fields, value, path)
    elif prop.kind == "list" and prop.item is not None:
        if prop.limit is not None and len(value) > prop.limit:
            yield Problem(path, f"Too many {name}: no more than {prop.limit} are allowed")
        for index, item in enumerate(value):
            yield from _value_problems(prop.item, name, item, join(path, index))
    elif prop.kind == "map" and prop.item is not None:
        for key, item in value.items():
            yield from _value_problems(prop.item, name, item, join(path, key))


def _is(kind: Kind, value: Plain) -> bool:
    # To Python a boolean is an integer.
    return isinstance(value, _PYTHON[kind]) and (kind == "boolean" or not isinstance(value, bool))


def empty(value: Plain) -> bool:
    """Whether a value is what the provider takes for absent."""
    return value is None or value is False or (not isinstance(value, Asset) and value in ("", 0, [], {}))


def same(prop: Prop, old: Plain, new: Plain) -> bool:
    """Whether a new value asks for nothing that the old one does not already give."""
    if new is UNKNOWN or old is UNKNOWN:
        return False
    if empty(new):
        return (prop.computed and new is None) or empty(old)
    if prop.kind == "object":
        old = {} if empty(old) else old
        # Read from both sides: a field that the program dropped differs, unless AWS fills it in.
        return all(same(inner, old.get(name), new.get(name)) for name, inner in prop.fields.items())
    if empty(old):
        return False
    if prop.same is not None and not has_unknown(new):
        return prop.same(old, new)
    if prop.kind == "list" and prop.item is not None:
        return _same_list(prop, prop.item, old, new)
    return bool(old == new)


def _same_list(prop: Prop, item: Prop, old: list[Plain], new: list[Plain]) -> bool:
    if len(old) != len(new):
        return False
    if not prop.unordered:
        return all(same(item, before, after) for before, after in zip(old, new, strict=True))
    left = list(old)
    for after in new:
        match = next((before for before in left if same(item, before, after)), None)
        if match is None:
            return False
        left.remove(match)
    return True


@dataclass(frozen=True)
class Change:
    """One difference between what is and what is wanted."""

    path: str
    kind: Literal["add", "delete", "update"]
    replaces: bool

    @property
    def top(self) -> str:
        """The top-level property that it is in."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


def differences(properties: Mapping[str, Prop], old: Mapping[str, Plain], new: Mapping[str, Plain]) -> list[Change]:
    """What differs between the state of a resource and the inputs that are wanted, with exact paths."""
    found: list[Change] = []
    for name, prop in properties.items():
        before, after = old.get(name), new.get(name)
        if after is None and (prop.computed or empty(before)):
            continue
        if before == after and type(before) is type(after) and before is not UNKNOWN:
            continue
        if not same(prop, before, after):
            found.extend(_changes(prop, before, after, name, prop.replaces))
    return found


def _changes(prop: Prop, old: Plain, new: Plain, path: str, replaces: bool) -> Iterator[Change]:
    if new is UNKNOWN or old is UNKNOWN:
        yield Change(path, "update" if old is not None else "add", replaces)
    elif old is None or (new is None and prop.kind != "map"):
        yield Change(path, "add" if old is None else "delete", replaces)
    elif prop.kind == "object":
        for name, inner in prop.fields.items():
            if not same(inner, old.get(name), new.get(name)):
                yield from _changes(
                    inner,
                    old.get(name),
                    new.get(name),
                    join(path, name),
                    replaces or inner.replaces,
                )
    elif prop.kind == "map" and has_unknown(new):
        yield Change(path, "update", replaces)
    elif prop.kind == "map":
        new = new or {}  # a map that is left out loses its keys, one by one
        for key in sorted(set(old) | set(new)):
            if old.get(key) != new.get(key):
                kind: Literal["add", "delete", "update"] = (
                    "add" if key not in old else "delete" if key not in new else "update"
                )
                yield Change(join(path, key), kind, replaces)
    elif prop.kind == "list" and prop.item is not None and not prop.unordered:
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            if not same(prop.item, before, after):
                yield from _changes(prop.item, before, after, join(path, index), replaces)
    else:
        yield Change(path, "update", replaces)
