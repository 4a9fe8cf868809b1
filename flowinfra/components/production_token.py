"""A production token that a stack gives: whether Metaflow would take it for the flow. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowinfra.components.binding import value_problem
from flowinfra.errors import ConfigError
from flowinfra.model.compiled import CompiledFlow

NAMESPACE = "production:"
"""Begins the namespace of a production token."""


def token_problems(who: str, compiled: CompiledFlow, token: str | None) -> Iterator[ConfigError]:
    """What is wrong with a flow's given production token, and with a namespace that looks like one.

    Args:
        who: what messages call the flow.
        compiled: the flow.
        token: None where the stack's own is taken.
    """
    prefix = compiled.flow.token_prefix
    made = rf"{re.escape(prefix)}-[0-9]+-[a-z]+"
    if token is not None:
        if token.startswith(NAMESPACE):
            bare = token.removeprefix(NAMESPACE)
            yield ConfigError(
                f"{who}: production_token is {token!r}, which is a namespace; leave out {NAMESPACE!r}: {bare!r}"
            )
        elif problem := value_problem("token", token):
            yield ConfigError(f"{who}: production_{problem}")
        elif compiled.flow.project is not None and not re.fullmatch(made, token):
            yield ConfigError(
                f"{who}: production_token is {token!r}, allowed for this project and branch: {prefix}-NUMBER-LETTERS, "
                "as Metaflow makes it (it refuses --new-token for a @project flow)"
            )
    given = (compiled.flow.namespace or "").partition(NAMESPACE)[2]
    if given and given != token and re.fullmatch(made, given):
        yield ConfigError(
            f"{who}: namespace is {compiled.flow.namespace!r}, which would not move the flow's runs: they are in the "
            f"namespace of its production token. To keep that one, give `production_token: {given}` in its place"
        )
