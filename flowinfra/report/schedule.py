"""When and how often a flow's schedule fires, from the inputs of its component. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.model import clean
from flowinfra.model.cron import CronError, Fires, fires
from flowinfra.targets import TARGETS

OFF = "off"


@dataclass(frozen=True)
class Schedule:
    """A flow's schedule, as a report shows it."""

    text: str
    """Cron and timezone."""
    on: bool
    fires: Fires | None
    """None where the target's parser does not take the cron."""

    @property
    def often(self) -> str:
        """How often it fires, in words; empty where that is not known."""
        return self.fires.words if self.fires else ""


def schedule_of(inputs: Mapping[str, Any]) -> Schedule | None:
    """The schedule of a flow, on or off; None where the flow has none."""
    found = inputs.get("schedule")
    if found is None:
        return None
    on = not isinstance(found, dict) or found.get("enabled", True) is not False
    cron, timezone = (found.get("cron"), found.get("timezone")) if isinstance(found, dict) else (found, None)
    text = clean.show(cron) + (f" {clean.show(timezone)}" if timezone else "")
    # the states of flows from before other targets were there name none
    return Schedule(text, on, _fires(inputs.get("target", "step-functions"), cron))


def running_schedule(inputs: Mapping[str, Any]) -> Schedule | None:
    """The schedule of a flow; None where it is off, or the flow has no schedule."""
    found = schedule_of(inputs)
    return found if found and found.on else None


def _fires(target: Any, cron: Any) -> Fires | None:
    try:
        return fires(TARGETS[target].cron, cron)
    except (CronError, KeyError, TypeError, AttributeError):  # an older version's state, or a value not known yet
        return None
