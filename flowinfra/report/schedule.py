"""When and how often a flow's schedules fire, from the inputs of its component. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.model import clean
from flowinfra.model.cron import CronError, Fires, fires
from flowinfra.model.cron.calendar import per_day
from flowinfra.targets import TARGETS

OFF = "off"
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_A_DAY = {"minute": 1440, "hour": 24, "day": 1}


@dataclass(frozen=True)
class Schedule:
    """A flow's schedule, as a report shows it."""

    text: str
    """Cron, timezone, and parameters of the runs that it starts."""
    on: bool
    fires: Fires | None
    """None where the target's parser does not take the cron."""
    timezone: str = "UTC"

    @property
    def often(self) -> str:
        """How often it fires, in words; empty where that is not known."""
        return self.fires.words if self.fires else ""


def schedules_of(inputs: Mapping[str, Any]) -> dict[str, Schedule]:
    """The schedules of a flow, on or off, by their names; a flow's own has the empty name."""
    found = {"": inputs.get("schedule")}
    several = inputs.get("schedules")
    if isinstance(several, dict):
        found |= {clean.name(name): entry for name, entry in several.items()}
    return {name: _schedule(entry, inputs) for name, entry in found.items() if entry is not None}


def running_schedules(inputs: Mapping[str, Any]) -> dict[str, Schedule]:
    """Those that are on."""
    return {name: schedule for name, schedule in schedules_of(inputs).items() if schedule.on}


def _schedule(found: Any, inputs: Mapping[str, Any]) -> Schedule:
    entry = found if isinstance(found, dict) else {"cron": found}
    on = entry.get("enabled", True) is not False
    cron, timezone, parameters = entry.get("cron"), entry.get("timezone"), entry.get("parameters")
    text = clean.show(cron) + (f" {clean.show(timezone)}" if timezone else "")
    if isinstance(parameters, dict):
        text += f" with {', '.join(f'{clean.name(name)}={clean.show(value)}' for name, value in parameters.items())}"
    # the states of flows from before other targets were there name none
    target = inputs.get("target", "step-functions")
    return Schedule(text, on, _fires(target, cron), clean.show(timezone or "UTC"))


def _fires(target: Any, cron: Any) -> Fires | None:
    if isinstance(cron, str) and (rate := _RATE.fullmatch(cron)):
        return per_day(_A_DAY[rate[2]] / int(rate[1]))
    try:
        return fires(TARGETS[target].cron, cron)
    except (CronError, KeyError, TypeError, AttributeError):  # an older version's state, or a value not known yet
        return None
