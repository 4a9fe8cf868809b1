"""What all data of flowinfra is made of."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

Json = Any
"""A JSON value (`json.loads` of one)."""


class Model(BaseModel):
    """Base of all data in a CompiledFlow: immutable, and closed to keys that it does not know.

    pydantic builds a class when it is first used: to build all at import takes as long as to compile half a flow.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def build(model: type[Model] = Model) -> None:
    """Build all classes now: threads must not be the first to use one, all at the same time."""
    for found in model.__subclasses__():
        found.model_rebuild()
        build(found)


def canonical_json(value: Json) -> str:
    """`value` as JSON with sorted keys, without whitespace, and with non-ASCII characters kept unescaped."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
