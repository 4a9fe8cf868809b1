"""Two definitions of a state machine → what differs, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flowinfra.operate.verify.compare import shown

_INSIDE = ("Iterator", "ItemProcessor")


def definition_differences(asked: str, live: str) -> Iterator[str]:
    """Find the parts of a live definition that are not as deployed."""
    try:
        wanted, found = json.loads(asked), json.loads(live)
    except ValueError:
        yield "its definition is not JSON"
        return
    if wanted == found:
        return
    before, after = dict(_states(wanted)), dict(_states(found))
    for name in before.keys() - after.keys():
        yield f"step {name}: is missing in the definition"
    for name in after.keys() - before.keys():
        yield f"step {name}: is in the definition, and was not deployed"
    for name in sorted(before.keys() & after.keys()):
        for what in _differences(before[name], after[name], ""):
            yield f"step {name}: {what}"
    for what in _differences(_without_states(wanted), _without_states(found), ""):
        yield f"definition: {what}"


def _states(machine: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine.get("States", {}).items():
        inner = [state[key] for key in _INSIDE if key in state] + list(state.get("Branches", ()))
        yield name, {key: value for key, value in state.items() if key not in (*_INSIDE, "Branches")}
        for each in inner:
            yield from _states(each)


def _without_states(machine: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in machine.items() if key != "States"}


def _differences(asked: Any, live: Any, path: str) -> Iterator[str]:
    if isinstance(asked, Mapping) and isinstance(live, Mapping):
        for key in sorted(asked.keys() | live.keys()):
            yield from _differences(asked.get(key), live.get(key), f"{path}.{key}" if path else str(key))
    elif asked != live and path.endswith("JobDefinition"):
        yield f"runs the job definition {_revision(live)}, deployed was {_revision(asked)}"
    elif asked != live:
        yield f"{path} is {shown(live)}, deployed was {shown(asked)}"


def _revision(job: Any) -> str:
    return str(job).rsplit("/", 1)[-1] if job else "none"
