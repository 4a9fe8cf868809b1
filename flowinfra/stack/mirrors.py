"""`flowinfra:mirrors`: a stack that takes another's flows and applies its own overrides.

Staging is production by construction: the file of a mirror names what differs, and nothing else can. Precedence, the
last wins: the other stack's defaults, its flow's own entry, this stack's defaults, this stack's entries for that flow
(by glob, by file, by file and name).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from posixpath import normpath
from typing import Any

from flowinfra.compiler.globs import is_glob
from flowinfra.errors import ConfigError, Problems
from flowinfra.model.base import Json
from flowinfra.stack.listing import Files, glob_problems, listed, matched, twice
from flowinfra.stack.parsing import merged
from flowinfra.stack.places import Places
from flowinfra.targets import TARGETS

MIRRORS = "mirrors"


@dataclass(frozen=True)
class Source:
    """A stack's configuration as its file has it, checked."""

    stack: str
    places: Places
    """Places in the stack's file, for errors."""
    values: Mapping[str, Json]
    """Key without `flowinfra:` → value."""

    @property
    def flows(self) -> list[dict[str, Json]]:
        """Entries of `flows`, as they are written."""
        return [dict(entry) for entry in self.values.get("flows") or ()]

    @property
    def defaults(self) -> dict[str, Json]:
        """`defaults`."""
        return dict(self.values.get("defaults") or {})


def resolve(source: Source, load: Callable[[str], Source], files: Files) -> dict[str, Json]:
    """The configuration with one entry per flow; a mirror's has the other stack's flows in it.

    Args:
        source: the stack's own configuration.
        load: reads another stack's configuration; raises ConfigError where that stack does not exist.
        files: finds the files of a glob.

    Raises:
        Problems: a glob that matches nothing, a flow that is listed twice, a mirror of itself, a cycle, a stack that
            does not exist, or an override of a flow that is not there.
    """
    return {**source.values, "flows": _flows(source, (source.stack,), load, files)}


def _flows(source: Source, chain: tuple[str, ...], load: Callable[[str], Source], files: Files) -> list[Json]:
    other = source.values.get(MIRRORS)
    if other is None:
        return list(listed(source.flows, files, source.places))
    where = source.places.at(MIRRORS)
    if other in chain:
        what = "the stack itself" if other == chain[-1] else f"a cycle: {' → '.join((*chain, other))}"
        raise Problems(
            [ConfigError(f"{where}: found {other!r}, which is {what}; mirror a stack with flows of its own")]
        )
    try:
        base = load(other)
    except ConfigError as error:
        raise Problems([ConfigError(f"{where}: {error}")]) from None
    theirs = [merged(base.defaults, flow) for flow in _flows(base, (*chain, other), load, files)]
    return _overridden([_without_own(flow) for flow in theirs], source, other, files)


_OWN = ("production_token", "protect", "drain")
"""Keys, of a flow or of one of its targets, that a mirror does not take: two stacks with one production token would
have their runs in one namespace, and a stack that is made to be removed is neither protected nor waited for because
the other one is."""


def _without_own(flow: Mapping[str, Json]) -> dict[str, Json]:
    own = {key: value for key, value in flow.items() if key not in _OWN}
    sections = {target.key: own[target.key] for target in TARGETS.values() if target.key in own}
    for key, section in sections.items():
        if isinstance(section, Mapping):
            own[key] = {name: value for name, value in section.items() if name not in _OWN}
    return own


def _overridden(flows: Sequence[dict[str, Json]], own: Source, other: str, files: Files) -> list[Json]:
    """The other stack's flows with this stack's defaults and overrides; raises Problems with all that does not fit."""
    overrides = own.flows
    found = [matched(override, files) for override in overrides]
    problems = list(glob_problems(overrides, found, own.places))
    problems += _stray_problems(overrides, found, flows, own.places, other)
    result: list[Json] = []
    for flow in flows:
        changed = merged(flow, own.defaults)
        fitting = for_flow(overrides, found, flow)
        for first, index in pairwise(fitting):
            if _rank(overrides[first]) == _rank(overrides[index]):
                problems.append(twice(index, first, str(flow["flow"]), own.places))
        for index in fitting:
            changed = merged(changed, {**overrides[index], "flow": flow["flow"]})
        result.append(changed)
    if problems:
        raise Problems(problems)
    return result


def _stray_problems(
    overrides: Sequence[Mapping[str, Json]],
    found: Sequence[Sequence[str]],
    flows: Sequence[Mapping[str, Json]],
    places: Places,
    other: str,
) -> Iterator[ConfigError]:
    """Overrides of flows that the other stack does not have."""
    known = list(dict.fromkeys(str(flow["flow"]) for flow in flows))
    for index, (override, paths) in enumerate(zip(overrides, found, strict=True)):
        if paths and not any(_is_for(override, paths, flow) for flow in flows):
            name = str(override["flow"])
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            yield ConfigError(
                f"{places.at('flows', index, 'flow')}: found {name!r}{hint}, which is not a flow of the mirrored "
                f"stack {other!r}; it has: {', '.join(known) or 'none'}"
            )


def for_flow(
    overrides: Sequence[Mapping[str, Json]], found: Sequence[Sequence[str]], flow: Mapping[str, Any]
) -> list[int]:
    """Which of a stack's entries are for a flow, the most general first; `found`: the files that each stands for."""
    fitting = [index for index, override in enumerate(overrides) if _is_for(override, found[index], flow)]
    return sorted(fitting, key=lambda index: _rank(overrides[index]))


def _is_for(override: Mapping[str, Json], paths: Sequence[str], flow: Mapping[str, Any]) -> bool:
    """An override is for the flow of its file; of several of one file, for the one of its name."""
    return normpath(flow["flow"]) in paths and override.get("name", flow.get("name")) == flow.get("name")


def _rank(override: Mapping[str, Json]) -> int:
    """How specific an override is: by glob, by file, by file and name."""
    return 0 if is_glob(str(override["flow"])) else 1 if override.get("name") is None else 2
