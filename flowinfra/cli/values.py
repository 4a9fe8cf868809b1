"""Values as they are typed on a command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from flowinfra.errors import CompileError
from flowinfra.model.base import Json

PAIR = (str, str)
"""Type of an option that takes a name and a value."""


def json_values(pairs: Iterable[tuple[str, str]]) -> dict[str, Json]:
    """Name → JSON value; a text that is not JSON is taken as a string."""
    values: dict[str, Json] = {}
    for name, text in pairs:
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def variables(assignments: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE`, or `NAME` for the value that the shell has."""
    return dict(_assignment(text, "--env", os.environ.get(text)) for text in assignments)


def settings(assignments: Iterable[str]) -> dict[str, str]:
    """`METAFLOW_X=VALUE`."""
    return dict(_assignment(text, "--setting") for text in assignments)


def _assignment(text: str, option: str, inherited: str | None = None) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if equals:
        return name, value
    if inherited is None:
        raise CompileError(f"{option} {text}: give NAME=VALUE" + (", or set it" if option == "--env" else ""))
    return name, inherited
