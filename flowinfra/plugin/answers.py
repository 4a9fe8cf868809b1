"""Answers to the engine's questions about a resource of any type."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.struct_pb2 import Struct

from flowinfra.plugin.schema import Change


@dataclass(frozen=True)
class Difference:
    """The answer to a diff."""

    changes: list[Change] = field(default_factory=list)
    delete_first: bool = False
    """The old one must go before the new one comes: both have the same name."""


@dataclass(frozen=True)
class Reading:
    """The answer to a read; an empty identifier and no properties say that it is gone."""

    identifier: str = ""
    properties: Struct | None = None
    inputs: Struct | None = None
