"""`flowinfra:mirrors`: a stack that takes another's flows and applies its own overrides.

Staging is production by construction: the file of a mirror names what differs, and nothing else can. Precedence, the
last wins: the other stack's defaults, its flow's own entry, this stack's defaults, this stack's entry for that flow.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from flowinfra.errors import ConfigError, Problems
from flowinfra.model.compiled import Json
from flowinfra.model.stack import merged

Values = Mapping[str, Json]
"""A stack's configuration as its file has it: key without `flowinfra:` → value."""

MIRRORS = "mirrors"


def resolve(values: Values, stack: str, label: str, load: Callable[[str], Values]) -> dict[str, Json]:
    """The configuration of a mirror with the other stack's flows in it; other configurations come back as they are.

    Args:
        values: the stack's own configuration.
        stack: its name.
        label: its file, for errors.
        load: reads another stack's configuration; raises ConfigError where there is none.

    Raises:
        Problems: a mirror of itself, a cycle, a stack that does not exist, or an override of a flow that is not there.
    """
    return _resolve(values, (stack,), label, load)


def _resolve(values: Values, chain: tuple[str, ...], label: str, load: Callable[[str], Values]) -> dict[str, Json]:
    own = dict(values)
    other = own.pop(MIRRORS, None)
    if other is None:
        return own
    where = f"{label}: flowinfra:{MIRRORS}"
    if not isinstance(other, str) or not other:
        raise Problems([ConfigError(f"{where}: found {other!r}, allowed: the name of a stack")])
    if other in chain:
        what = "the stack itself" if other == chain[-1] else f"a cycle: {' → '.join((*chain, other))}"
        raise Problems(
            [ConfigError(f"{where}: found {other!r}, which is {what}; mirror a stack with flows of its own")]
        )
    try:
        source = load(other)
    except ConfigError as error:
        raise Problems([ConfigError(f"{where}: {error}")]) from None
    base = _resolve(source, (*chain, other), f"what {label} mirrors", load)
    return {**own, "flows": _flows(own, base, other, label)}


def _flows(own: Values, base: Values, other: str, label: str) -> list[Json]:
    """The other stack's flows with this stack's defaults and overrides; raises Problems with all that does not fit."""
    defaults = _mapping(own.get("defaults"))
    theirs = _mapping(base.get("defaults"))
    flows = [merged(theirs, _mapping(flow)) for flow in base.get("flows") or []]
    overrides = [_mapping(flow) for flow in own.get("flows") or []]
    known = [str(flow.get("flow")) for flow in flows]
    problems = []
    for index, override in enumerate(overrides):
        if not any(_is_for(override, flow) for flow in flows):
            name = str(override.get("flow"))
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            problems.append(
                ConfigError(
                    f"{label}: flowinfra:flows[{index}].flow: found {name!r}{hint}, which is no flow of the mirrored "
                    f"stack {other!r}; it has: {', '.join(known) or 'none'}"
                )
            )
    if problems:
        raise Problems(problems)
    result: list[Json] = []
    for flow in flows:
        changed = merged(flow, defaults)
        for override in overrides:
            if _is_for(override, flow):
                changed = merged(changed, override)
        result.append(changed)
    return result


def _is_for(override: Values, flow: Values) -> bool:
    """An override is for the flow of its file; of several of one file, for the one of its name."""
    return override.get("flow") == flow.get("flow") and override.get("name", flow.get("name")) == flow.get("name")


def _mapping(value: Any) -> dict[str, Json]:
    """What is no mapping is refused later, with its place in the file; it adds nothing here."""
    return dict(value) if isinstance(value, Mapping) else {}
