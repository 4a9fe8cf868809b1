"""A parameter's default for this environment, checked by the parameter's own type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .internals import internals

PLAIN = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}
"""Type of a parameter → types of the values that it takes. A text is converted by click, as on a command line."""


def overridden(parameter: Any, value: Any) -> Iterator[dict[str, Any]]:
    """Give an initialised parameter another default; yields what is wrong with the value."""
    if value is None:
        parameter.kwargs.pop("default", None)
        return
    try:
        parameter.kwargs["default"] = converted(parameter, value)
    except ValueError as problem:
        yield {
            "kind": "parameter-type",
            "name": parameter.name,
            "value": value,
            "type": type_name(parameter.kwargs["type"]),
            "reason": str(problem),
            "separator": getattr(parameter, "separator", None),
        }


def type_name(kind: Any) -> str:
    name = getattr(kind, "name", None) or getattr(kind, "__name__", None) or type(kind).__name__
    return "path of a file" if name == "FilePath" else str(name)


def converted(parameter: Any, value: Any) -> Any:
    """The value as the flow's file would have it; a ValueError says why the type does not take it.

    The judge is the option that Metaflow gives its own command line for this parameter.
    """
    click = internals("metaflow._vendor.click")
    kind, text = parameter.kwargs["type"], isinstance(value, str)
    plain = PLAIN.get(kind) if isinstance(kind, type) else None
    several = parameter.kwargs.get("multiple") or parameter.kwargs.get("nargs", 1) != 1
    values = value if several and isinstance(value, list) else [value]
    if plain and not all(type(one) in (*plain, str) for one in values):
        raise ValueError
    if isinstance(kind, internals("metaflow.includefile").FilePathClass):
        if not text:
            raise ValueError
        return value  # Metaflow reads the file when it saves it, and says what is wrong with it
    unasked = {"default", "required", "show_default", "help", "prompt"}
    option = click.Option(
        ("--" + parameter.name,), **{name: of for name, of in parameter.kwargs.items() if name not in unasked}
    )
    try:
        found = option.type_cast_value(None, value)
    except click.ClickException as refused:
        raise ValueError("" if plain else refused.message) from None
    except (TypeError, ValueError, AttributeError) as refused:
        raise ValueError(str(refused)) from None
    if kind is internals("metaflow.parameters").JSONType:
        # Metaflow hands a default on as it is, and a task reads it as JSON
        return value if text else json.dumps(value, sort_keys=True)
    return found if type(found) in PLAIN else value
