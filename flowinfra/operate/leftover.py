"""What a deploy of a stack left, by its kind: what `flowinfra gc` shows and removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["job-definition", "package", "include-file", "command", "environment", "deployment", "compiled-flow"]

FOR_RESUME = {"package", "include-file", "environment"}
"""Kinds of objects that a run needs again when it is resumed."""


@dataclass(frozen=True)
class Leftover:
    """Something that a deploy of the stack left."""

    kind: Kind
    name: str
    """`name:revision` of a job definition, `s3://bucket/key` of an object."""
    flow: str
    """Name of the flow's state machine; empty for what is of a stack as a whole."""
    size: int = 0
    """Bytes of an object."""
    target: str = ""
    """Target outside of AWS whose flows may refer to an object: `argo`, `airflow`."""
