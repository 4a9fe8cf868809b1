"""What AWS's own service models say of a request: types, lengths, ranges, patterns and enumerations.

botocore has these models, and checks of them no more than types before it sends a request; here all of it is checked
before anything is made. Other limits are in AWS's documents alone: see `batch_limits`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

_PLAIN: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}
"""Type of a shape → Python's types."""


def violations(service: str, operation: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the model of an operation refuses of its arguments: path of the value, and what is wrong, in words."""
    shape = _model(service).operation_model(operation).input_shape
    assert shape is not None
    yield from _violations(shape, arguments, "")


def as_arguments(service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The `Parameters` of a state that calls an operation, as its arguments.

    Step Functions writes names of fields with a capital. What is known only when it runs (`Key.$`) is left out.
    """
    shape = _model(service).operation_model(operation).input_shape
    assert shape is not None
    renamed: dict[str, Any] = _renamed(shape, parameters)
    return renamed


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _renamed(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        known = {key: key[:1].lower() + key[1:] for key in value if not key.endswith(".$")}
        return {
            name: _renamed(shape.members[name], value[key]) if name in shape.members else value[key]
            for key, name in known.items()
        }
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: _renamed(shape.value, item) for key, item in value.items() if not key.endswith(".$")}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_renamed(shape.member, item) for item in value]
    return value


def _violations(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            yield path, _no_type(value, "a mapping")
            return
        for name in shape.required_members:
            if name not in value:
                yield path, f"{name} is missing"
        for name, item in value.items():
            if name in shape.members:
                yield from _violations(shape.members[name], item, f"{path}.{name}" if path else name)
            else:
                yield path, f"has no field {name!r}"
    elif isinstance(shape, MapShape):
        if not isinstance(value, Mapping):
            yield path, _no_type(value, "a mapping")
            return
        yield from _size(shape, len(value), path, "entries")
        for key, item in value.items():
            yield from _violations(shape.key, key, f"{path} (key {key!r})")
            yield from _violations(shape.value, item, f"{path}.{key}")
    elif isinstance(shape, ListShape):
        if not isinstance(value, (list, tuple)):
            yield path, _no_type(value, "a list")
            return
        yield from _size(shape, len(value), path, "entries")
        for index, item in enumerate(value):
            yield from _violations(shape.member, item, f"{path}[{index}]")
    else:
        yield from _plain(shape, value, path)


def _plain(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, str]]:
    allowed = _PLAIN.get(shape.type_name)
    if allowed is None:
        return
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        yield path, _no_type(value, shape.type_name)
    elif isinstance(shape, StringShape) and isinstance(value, str):
        if shape.enum and value not in shape.enum:
            yield path, f"found {value!r}, allowed: {', '.join(shape.enum)}"
        yield from _size(shape, len(value), path, "characters")
        pattern = _pattern(shape.metadata.get("pattern"))
        if pattern is not None and not pattern.fullmatch(value):
            yield path, f"found {value!r}, allowed is what matches {pattern.pattern}"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if (least is not None and value < least) or (most is not None and value > most):
            yield path, f"found {value}, allowed: {_range(least, most)}"


def _size(shape: Shape, size: int, path: str, what: str) -> Iterator[tuple[str, str]]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        yield path, f"has {size:,} {what}, allowed: {_range(least, most)}"


def _range(least: int | None, most: int | None) -> str:
    if most is None:
        return f"at least {least:,}"
    return f"at most {most:,}" if not least else f"{least:,} to {most:,}"


def _no_type(value: Any, wanted: str) -> str:
    return f"found {value!r}, allowed: {wanted}"


@cache
def _pattern(text: str | None) -> re.Pattern[str] | None:
    """None for a pattern of Java's that Python does not read (classes of Unicode, of tags alone)."""
    try:
        return None if text is None else re.compile(text)
    except re.error:
        return None
