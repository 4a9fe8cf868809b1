"""Packages that an extra of flowinfra brings, and the error where one of them is needed and not installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from flowinfra.errors import MissingExtraError

EXTRAS: Mapping[str, Sequence[str]] = {
    "azure": ("pulumi_azure_native",),
    "gcp": ("pulumi_gcp",),
    "kubernetes": ("kubernetes", "pulumi_kubernetes"),
    "local": ("moto", "flask", "werkzeug", "aws_croniter"),
}
"""Extra → modules that it brings and flowinfra imports, by themselves or through one of the others."""


def missing(extra: str, what: str) -> MissingExtraError | None:
    """Return the error for an extra that is not installed; None where all of its modules are there.

    Args:
        extra: key of `EXTRAS`.
        what: what needs it, for the message: a singular noun.
    """
    lacking = next((module for module in EXTRAS[extra] if find_spec(module) is None), None)
    if lacking is None:
        return None
    return MissingExtraError(
        f"{what} needs the package {lacking.replace('_', '-')}, which is not installed in this Python; run: "
        f"pip install 'flowinfra[{extra}]'"
    )


def require(extra: str, what: str) -> None:
    """Raise MissingExtraError where an extra is not installed."""
    if error := missing(extra, what):
        raise error
