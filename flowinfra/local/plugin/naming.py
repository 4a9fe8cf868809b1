"""Names that the provider makes up: the resource's name in the program, a dash and seven hex digits.

As Pulumi's bridge does (pulumi-terraform-bridge `pkg/tfbridge/names.go`, pulumi-aws `provider/autonaming.go`),
including the `pulumi:autonaming` configuration, which the engine resolves and sends along.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Literal

DIGITS = 7
FIFO = ".fifo"
"""What the name of a FIFO queue or topic ends with (upstream's `create.WithSuffix`)."""

Mode = Literal["", "propose", "enforce", "disable"]


@dataclass(frozen=True)
class Naming:
    """What a made-up name is made of."""

    name: str
    """Name of the resource in the program."""
    seed: bytes = b""
    """Random seed that the engine gives; equal seeds give equal names."""
    mode: Mode = ""
    proposed: str = ""
    """The name that the engine's `pulumi:autonaming` configuration comes to."""


class NamingError(Exception):
    """No name can be made up; the message is for the user."""


def make(names: Naming, limit: int) -> str:
    """A name of at most `limit` characters."""
    if names.mode == "disable":
        raise NamingError("automatic naming is disabled: give the resource a name (pulumi:autonaming)")
    if names.mode in ("propose", "enforce"):
        if len(names.proposed) > limit:
            raise NamingError(f"the name {names.proposed!r} is longer than {limit} characters")
        return names.proposed
    if len(names.name) + 1 + DIGITS > limit:
        raise NamingError(f"name {names.name!r} plus {DIGITS + 1} random chars is longer than maximum length {limit}")
    digits = random.Random(names.seed or None).choices("0123456789abcdef", k=DIGITS)  # noqa: S311  (no secret)
    return f"{names.name}-{''.join(digits)}"


def unique(prefix: str) -> str:
    """A name that begins as asked, for the `…Prefix` inputs: 26 characters more (upstream's `create.Name`)."""
    return f"{prefix}{uuid.uuid4().hex[:26]}"
