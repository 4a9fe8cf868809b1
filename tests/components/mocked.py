"""Programs of these tests, run by the mocks that flowinfra ships."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi

from flowinfra import testing
from flowinfra.testing import ACCOUNT, Mocks

__all__ = ["ACCOUNT", "Program", "outputs", "role_arn", "run"]

Program = Mocks
"""What one run of a program did."""


def role_arn(name: str) -> str:
    """ARN of a role of the account."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def run(make: Callable[[], Any], preview: bool = False) -> Program:
    """Run a program; exceptions are its own."""
    return testing.run(make, preview=preview)


def outputs(make: Callable[[], pulumi.Output[Any]]) -> Any:
    """The value of what a program returns."""
    found: list[Any] = []
    run(lambda: make().apply(found.append))
    return found[0]
