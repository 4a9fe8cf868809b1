"""What a target refuses of a flow, and what it does otherwise than the flow says. Pure.

The flow that is checked is the deployed one: Configs, mutators and a stack's overrides have changed it by then. What
can be known without Metaflow's answer is checked before, in `request.py`; what Metaflow would stumble over is refused
in its process, in `driver/refusals_<target>.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from flowinfra.compiler.driver.protocol import Flow
from flowinfra.compiler.request import CompileRequest
from flowinfra.model.cron import refused
from flowinfra.targets import TARGETS


def flow_problems(request: CompileRequest, described: Flow) -> Iterator[str]:
    """What has to change before the flow can run on the target."""
    yield from _names(described["parameters"])
    yield from _helps(described["parameters"])
    yield from _no_pauses(described)
    yield from _times(request, described)


def flow_warnings(request: CompileRequest, described: Flow) -> Iterator[str]:
    """What the flow says and the target does not do, or does otherwise."""
    found: Iterator[str] = TARGETS[request.target].part("checks").warnings(request, described)
    return found


def _names(parameters: Iterable[str]) -> Iterator[str]:
    """A task gets each parameter as a variable of its shell, and Metaflow looks it up with _ for - (FlowSpec)."""
    names = sorted(parameters)
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            yield (
                f"Parameter {name!r}: its name has a character other than A-Z, a-z, 0-9, _ and -: tasks get a "
                "parameter as a variable of their shell, which cannot have such a name, so its value would not reach "
                "them; rename it"
            )
    for one, other in combinations(names, 2):
        if one.replace("-", "_").lower() == other.replace("-", "_").lower():
            yield (
                f"Parameters {one!r} and {other!r}: their names differ by - and _ alone, which are the same in the "
                "variables by which tasks get parameters, so both would have the value of one; rename one of them"
            )


def _helps(parameters: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What is said of a parameter, which Metaflow does not look at."""
    for name, parameter in parameters.items():
        if not isinstance(parameter["help"], (str, type(None))):
            yield f"Parameter {name!r}: help: found {parameter['help']!r}, allowed: text"


def _times(request: CompileRequest, described: Flow) -> Iterator[str]:
    """What is wrong with the flow's @schedule, and with `reset_at` of its triggers."""
    mine = TARGETS[request.target]
    for cron, timezone in schedules(described):
        if cron and (problem := mine.cron_problem(cron)):
            yield f"@schedule: {problem}"
        if timezone and (problem := mine.timezone_problem(timezone)):
            yield f"@schedule: {problem}"
    for decorator in described["decorators"]:
        reset = (decorator["attributes"].get("options") or {}).get("reset_at") or {}
        if reset.get("cron") and (problem := refused("robfig-fields", reset["cron"])):
            yield f"@{decorator['name']}: reset_at: {problem}"
        if reset.get("timezone") and (problem := mine.timezone_problem(reset["timezone"])):
            yield f"@{decorator['name']}: reset_at: {problem}"


def _no_pauses(described: Flow) -> Iterator[str]:
    """Pauses that are no time at all, which Metaflow does not look at."""
    for step, given in _said_pauses(described):
        if _number(given) is None:
            found = f"found {given!r}, allowed: a number of minutes, 0 or more"
            yield f"step {step}: @retry: minutes_between_retries: {found}"


def parts_of_minutes(title: str, described: Flow) -> Iterator[str]:
    """Pauses of which Metaflow takes the whole minutes alone, by Python's `int`."""
    for step, minutes in retry_minutes(described):
        if minutes != int(minutes):
            yield (
                f"step {step}: @retry(minutes_between_retries={minutes:g}) is a pause of {int(minutes)} minutes on "
                f"{title}, for Metaflow leaves the part of a minute out. Write a whole number"
            )


def retry_minutes(described: Flow) -> Iterator[tuple[str, float]]:
    """Steps whose @retry says how long to wait, with the minutes."""
    for step, given in _said_pauses(described):
        if (minutes := _number(given)) is not None:
            yield step, minutes


def _said_pauses(described: Flow) -> Iterator[tuple[str, Any]]:
    for step in described["steps"]:
        for retry in step["decorators"]:
            if retry["name"] == "retry" and "minutes_between_retries" in retry["own"]:
                yield step["name"], retry["attributes"]["minutes_between_retries"]


def _number(given: Any) -> float | None:
    """Read a finite number that is 0 or more, or its text; None for anything else."""
    try:
        number = float(given)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < math.inf else None


def schedules(described: Flow) -> Iterator[tuple[str | None, str | None]]:
    """Cron and timezone of each @schedule. One without a cron has Metaflow's own, which all targets take."""
    for decorator in described["decorators"]:
        if decorator["name"] == "schedule":
            yield decorator["attributes"].get("cron"), decorator["attributes"].get("timezone")
