"""Where placeholders stand in JSON data: strings that hold the mark, by RFC 6901 pointer."""

from __future__ import annotations

from collections.abc import Iterator

from flowinfra.model.base import Json
from flowinfra.model.compiled import MARK


def marked(value: Json, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every string inside `value` that holds the mark of placeholders, with its JSON pointer.

    `pointer` is that of `value` itself.
    """
    if isinstance(value, str):
        if MARK in value:
            yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from marked(item, f"{pointer}/{escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from marked(item, f"{pointer}/{index}")


def escape(key: str) -> str:
    """A key as it stands in a pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def keys(pointer: str) -> list[str]:
    """The keys of a pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
