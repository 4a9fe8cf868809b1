"""A parameter of a flow as a Param of Airflow: its default, and the type that values of a run are checked by. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from flowinfra.model.base import Json, canonical_json

_OWN: Mapping[type, Json] = {bool: ["boolean", "string"], int: "integer", float: "number", str: "string"}
"""Type of a default → the type of JSON schema that takes it."""


def _integer(value: Any) -> int:
    number = int(value)
    if number != float(value):
        raise ValueError
    return number


def _number(value: Any) -> int | float:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _boolean(value: Any) -> bool | str:
    return {"True": True, "False": False}.get(value, value) if isinstance(value, str) else bool(value)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def _text(value: Any) -> str:
    return _json(value) if isinstance(value, (dict, list)) else str(value)


_Made = tuple[Json, Callable[[Any], Json]]
_BY_KIND: Mapping[str, _Made] = {
    **dict.fromkeys(("int", "integer", "integer range"), ("integer", _integer)),
    **dict.fromkeys(("float", "float range"), ("number", _number)),
    # Metaflow gives Airflow truth values as text: whoever triggers a DAG may go on writing it
    **dict.fromkeys(("bool", "boolean"), (_OWN[bool], _boolean)),
    **dict.fromkeys(("str", "text", "file"), ("string", _text)),
    # a run may give the text of JSON, or JSON itself, which is anything
    "JSON": (None, _json),
}
"""Declared type of a parameter, by the name that Python or click has for it → its type in Airflow, and its default."""


def param(kind: str, default: Json) -> dict[str, Json]:
    """`default` and `type` of a Param; no type where Airflow takes any value.

    Args:
        kind: the type that the flow declares for the parameter.
        default: as the flow or a function gives it; not None.
    """
    if isinstance(default, list) and kind != "JSON":
        return {"default": default}  # a parameter of several values, which has no type of its own
    schema, convert = _BY_KIND.get(kind, (None, None))
    try:
        value = default if convert is None else convert(default)
    except (TypeError, ValueError):
        # what does not fit its declared type is left for the task to refuse, as Metaflow does
        schema, convert, value = None, None, default
    if convert is None:
        schema = _OWN.get(type(value))
    return {"default": value} if schema is None else {"default": value, "type": schema}
