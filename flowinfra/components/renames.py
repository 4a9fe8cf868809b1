"""What a flow was called where it is deployed, before it was renamed. Pure.

Names in Pulumi's state begin with that of the flow's component, so the earlier name of the component is enough of an
alias: the engine gives each resource below it the alias that follows (`inheritedChildAlias` in
pkg/resource/deploy/step_generator.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flowinfra.errors import ConfigError
from flowinfra.model.compiled import CompiledFlow


def former_names(compiled: CompiledFlow, renamed_from: str | None) -> tuple[str, ...]:
    """Names that the deployed flow may have had: as it is given, and with what its name begins with today.

    Args:
        compiled: the flow as it is now; its own name is none of them.
        renamed_from: its earlier class or `name`, or the whole name of what was deployed.
    """
    if renamed_from is None:
        return ()
    found = [renamed_from]
    if (beginning := _beginning(compiled)) is not None:
        found += [beginning + renamed_from, beginning + _for_argo(renamed_from)]
    return tuple(dict.fromkeys(name for name in found if name != compiled.name))


def kept_name(compiled: CompiledFlow, former: str) -> str | None:
    """The `name` with which the flow would be called as it was; None where none does that.

    Metaflow takes no name for a @project flow.
    """
    beginning = _beginning(compiled)
    if compiled.flow.project is not None or beginning is None or not former.startswith(beginning):
        return None
    return former.removeprefix(beginning)


def rename_problems(flows: Mapping[str, tuple[CompiledFlow, str | None]]) -> Iterator[ConfigError]:
    """Earlier names that are not free in a stack; `flows`: what messages call each → it, and its `renamed_from`."""
    taken = {(compiled.target, compiled.name): label for label, (compiled, _) in flows.items()}
    claimed: dict[tuple[str, str], str] = {}
    for label, (compiled, renamed_from) in flows.items():
        for name in former_names(compiled, renamed_from):
            key = compiled.target, name
            if key in taken:
                yield ConfigError(
                    f"{label}: renamed_from is {renamed_from!r}, and {taken[key]} of this stack is called so; leave "
                    "renamed_from out, or remove that flow"
                )
            elif key in claimed:
                yield ConfigError(
                    f"{label}: renamed_from is {renamed_from!r}, as that of {claimed[key]}; one flow alone can have "
                    "been called so"
                )
            claimed.setdefault(key, label)


def _beginning(compiled: CompiledFlow) -> str | None:
    """What the deployed flow's name has before the flow's own: the stack's prefix, project and branch."""
    for own in (compiled.shape.name or compiled.flow.name, _for_argo(compiled.shape.name or compiled.flow.name)):
        if compiled.name.endswith(own):
            return compiled.name.removesuffix(own)
    return None


def _for_argo(name: str) -> str:
    """A name as Metaflow writes it for Argo (`sanitize_for_argo` of argo_workflows_cli.py)."""
    plain = re.sub(r"[_@+]", "", re.sub(r"^[^A-Za-z0-9]+", "", name)).lower()
    return re.sub(r"[^a-z0-9]*\.[^a-z0-9]*", ".", plain)
