"""When a flow is started, and with which parameters: by its own @schedule, or by the entries of `schedules`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from flowinfra.components.site import Site
from flowinfra.errors import BindError, FlowInfraError
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.compiled import Parameter
from flowinfra.model.cron import refused
from flowinfra.model.timezones import timezone_problem
from flowinfra.targets.step_functions.bound import Bound
from flowinfra.targets.step_functions.by_hand import rule_name, shortened
from flowinfra.targets.step_functions.limits import CONTAINER_OVERRIDES_CHARACTERS
from flowinfra.targets.step_functions.quotas import RESOLVED, resolved
from flowinfra.targets.step_functions.section import ScheduleEntry

if TYPE_CHECKING:
    from flowinfra.targets.step_functions.plan import FlowPlan

UTC = "UTC"
MAX_AGE, MAX_ATTEMPTS = 3600, 12
"""Seconds and times for which AWS goes on to start what it could not: a run that is an hour late is none, for the next
one of most schedules is near. Without them AWS tries 185 times in 24 hours."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_RATE = re.compile(r"([1-9][0-9]{0,5}) (minute|hour|day)s?")
_SECONDS = re.compile(r"[0-9.]+ ?(seconds?|sec|s)")
_QUEUE = re.compile(r"arn:[a-z-]+:sqs:(?P<region>[a-z0-9-]+):[0-9]{12}:(?P<name>[A-Za-z0-9_-]{1,80}(\.fifo)?)")
_PLAIN: Mapping[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
"""Type of a parameter → types of the values that it takes."""


@dataclass(frozen=True)
class Start:
    """A schedule of EventBridge Scheduler."""

    key: str | None
    """Of its entry; None for the flow's own schedule."""
    name: str
    """In AWS."""
    expression: str
    """`cron(…)` or `rate(…)`."""
    timezone: str
    input: str
    """JSON text that starts an execution."""
    enabled: bool
    description: str


def schedule_name(state_machine: str, key: str | None = None) -> str:
    """Name of a flow's schedule in AWS: Metaflow's for the flow's rule; with `key`, that of an entry."""
    return rule_name(state_machine) if key is None else shortened(f"{state_machine}--{key}")


def starts(plan: FlowPlan) -> list[Start]:
    """All schedules of a flow that can be deployed."""
    names, own = plan.names, plan.compiled.step_functions.schedule
    words = f"Metaflow flow {plan.name} of the stack {names.project}/{names.stack}"
    if plan.schedules:
        return [
            Start(
                key=key,
                name=schedule_name(plan.name, key),
                expression=_expression(entry),
                timezone=_timezone(entry, plan.timezone),
                input=canonical_json({"Parameters": canonical_json(_sent(plan, entry))}),
                enabled=plan.schedule_enabled and entry.enabled,
                description=f"{words}: {key}",
            )
            for key, entry in plan.schedules.items()
        ]
    if own is None or plan.compiled.flow.schedule is None:
        return []
    zone = plan.compiled.flow.schedule.timezone or UTC
    name = schedule_name(plan.name)
    return [Start(None, name, own.expression, zone, own.input, plan.schedule_enabled, words)]


def shown(schedules: Mapping[str, ScheduleEntry], timezone: str | None, enabled: bool) -> dict[str, Json]:
    """Entries of `schedules` in human terms: what is at its default is left out, but whether they are on.

    Args:
        schedules: name → entry.
        timezone: of entries that have none.
        enabled: whether any may be on.
    """
    return {
        key: {
            "cron": entry.cron or f"rate({_words(entry)})",
            **({"timezone": zone} if (zone := _timezone(entry, timezone)) != UTC else {}),
            **({"parameters": entry.parameters} if entry.parameters else {}),
            "enabled": enabled and entry.enabled,
        }
        for key, entry in schedules.items()
    }


def start_problems(plan: FlowPlan, bound: Bound, site: Site) -> Iterator[FlowInfraError]:
    """What AWS or the flow would refuse of its schedules."""
    queue, who = site.dead_letter_queue, plan.name
    if queue is not None and (problem := _queue_problem(queue, site.region)):
        yield BindError(f"{who}: dead_letter_queue: found {queue!r}, {problem}")
    shape = plan.compiled.shape
    if plan.schedules and shape.schedule not in (None, "off"):
        yield BindError(
            f"{who}: schedules and schedule.cron ({shape.schedule!r}) both say when the flow runs; leave one out"
        )
    for key, entry in plan.schedules.items():
        place = f"{who}: schedules.{key}"
        for problem in _entry_problems(plan, key, entry):
            yield BindError(f"{place}{problem}")
        yield from _size_problems(place, plan, entry, bound)


def _entry_problems(plan: FlowPlan, key: str, entry: ScheduleEntry) -> Iterator[str]:
    """Texts that go on where the entry's place ends."""
    if not _NAME.fullmatch(key):
        yield ": a name has 1 to 32 letters, digits, `_` and `-`, and begins with a letter or digit"
    if (entry.cron is None) == (entry.rate is None):
        yield f": found {'both cron and rate' if entry.cron else 'neither cron nor rate'}; give one of them"
    if entry.cron and (problem := refused("aws", entry.cron)):
        yield f".cron: {problem}"
    if entry.rate and not _RATE.fullmatch(entry.rate):
        often = "; AWS starts nothing more often than once a minute" if _SECONDS.fullmatch(entry.rate) else ""
        yield f".rate: found {entry.rate!r}, allowed: a number and a unit, such as 15 minutes, 1 hour, 7 days{often}"
    if entry.timezone and (problem := timezone_problem("EventBridge Scheduler", entry.timezone)):
        yield f".timezone: {problem}"
    if entry.timezone and entry.rate:
        yield ".timezone: a rate has none: it counts from when the schedule is made; leave it out, or write a cron"
    known = plan.compiled.flow.parameters
    for name, value in entry.parameters.items():
        if problem := _parameter_problem(name, value, known):
            yield f".parameters.{name}: {problem}"
    for name, parameter in known.items():
        missing = parameter.default is None and parameter.included is None and not parameter.deploy_time
        if parameter.required and missing and name not in entry.parameters:
            yield f": the parameter {name!r} is required and has no default; give it a value in `parameters`"


def _parameter_problem(name: str, value: Json, known: Mapping[str, Parameter]) -> str | None:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return f"the flow has no such parameter{hint}; known: {', '.join(sorted(known)) or 'none'}"
    kind = known[name].type
    if kind == "file":
        return "an IncludeFile is read when the flow is deployed: a schedule has none; use the flow's `parameters`"
    if kind == "JSON":
        return None if _is_json(value) else f"found {value!r}, allowed: a mapping, a list, or a text of JSON"
    if value is None or isinstance(value, (dict, list)):
        return f"found {value!r}, allowed: a value of type {kind}"
    allowed = _PLAIN.get(kind)
    return f"found {value!r}, allowed: a value of type {kind}" if allowed and type(value) not in allowed else None


def _is_json(value: Json) -> bool:
    if not isinstance(value, str):
        return isinstance(value, (dict, list))
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _size_problems(place: str, plan: FlowPlan, entry: ScheduleEntry, bound: Bound) -> Iterator[BindError]:
    """Parameters travel to the start step's job in a variable."""
    if not entry.parameters:
        return
    start = bound.definition["States"][bound.definition["StartAt"]]
    overrides = resolved(start["Parameters"]["ContainerOverrides"])
    sent = canonical_json(_sent(plan, entry))
    size = len(canonical_json(overrides)) - RESOLVED + len(canonical_json(sent))
    if size > CONTAINER_OVERRIDES_CHARACTERS:
        yield BindError(
            f"{place}.parameters: with them the container overrides of the first step have about {size:,} characters, "
            f"allowed are {CONTAINER_OVERRIDES_CHARACTERS:,}; keep long values in the datastore, and give their address"
        )


def _queue_problem(queue: str, region: str) -> str | None:
    found = _QUEUE.fullmatch(queue)
    if found is None:
        return f"allowed: the ARN of an SQS queue, such as arn:aws:sqs:{region}:123456789012:flows-not-started"
    if found["name"].endswith(".fifo"):
        return "a FIFO queue; EventBridge Scheduler takes a standard queue"
    return f"which is in another region; give a queue in {region}" if found["region"] != region else None


def _timezone(entry: ScheduleEntry, default: str | None) -> str:
    return entry.timezone or (default if entry.cron else None) or UTC


def _expression(entry: ScheduleEntry) -> str:
    return f"cron({entry.cron})" if entry.cron else f"rate({_words(entry)})"


def _words(entry: ScheduleEntry) -> str:
    """The rate as AWS writes it: one hour, two hours."""
    found = _RATE.fullmatch(entry.rate or "")
    return f"{found[1]} {found[2]}{'' if found[1] == '1' else 's'}" if found else str(entry.rate)


def _sent(plan: FlowPlan, entry: ScheduleEntry) -> dict[str, Any]:
    """Parameters as Metaflow's `trigger` sends them: JSON as text."""
    of_json = {name for name, parameter in plan.compiled.flow.parameters.items() if parameter.type == "JSON"}
    return {
        name: canonical_json(value) if name in of_json and not isinstance(value, str) else value
        for name, value in entry.parameters.items()
    }
