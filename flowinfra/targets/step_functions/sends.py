"""Events that a flow's tasks may send: `sends` of a stack's file, as a right of the jobs' role. Pure.

PutEvents knows the event bus as its resource, and `events:detail-type` as a condition on what is sent
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html). A call with several entries is
allowed if each of them is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flowinfra.components.iam import Policy, allow
from flowinfra.components.site import Site
from flowinfra.errors import ConfigError
from flowinfra.model.events import EventConfig

Sends = Mapping[str, tuple[str, ...]]
"""Name of an event → the `detail-type` of what is sent under it; none where nobody but AWS sends it."""


def resolved(names: Iterable[str], events: Mapping[str, EventConfig]) -> Sends:
    """Names with what they stand for; `events`: those that the platform has names for."""
    return {name: _types(name, events.get(name)) for name in dict.fromkeys(names)}


def _types(name: str, event: EventConfig | None) -> tuple[str, ...]:
    if event is None:
        return (name,)
    if event.of_aws:
        return ()
    types: Any = event.listens_to.get("detail-type", [name])
    return tuple(each for each in types if isinstance(each, str))


def problems(who: str, sends: Sends, events: Mapping[str, EventConfig]) -> Iterator[ConfigError]:
    """Names of events that a task cannot be allowed to send."""
    for name, types in sends.items():
        if types:
            continue
        if events[name].of_aws:
            reason = "which AWS alone sends: leave it out of `sends`"
        else:
            reason = (
                "whose pattern has a `detail-type` that is not plain text, which a right cannot name: make it text, or "
                "leave the name out of `sends` and give a policy of your own (`job_policies`)"
            )
        yield ConfigError(f"{who}: sends: {name!r} stands for events (platform.events.{name}), {reason}")


def statement(sends: Sends, site: Site) -> Policy:
    """The right to send them, and no others."""
    types = sorted({each for types in sends.values() for each in types})
    return {
        **allow("SendEvents", ["events:PutEvents"], [bus_arn(site)]),
        "Condition": {"StringEquals": {"events:detail-type": types}},
    }


def bus_arn(site: Site) -> str:
    """ARN of the bus that the platform's events go over."""
    bus = site.event_bus or "default"
    return bus if bus.startswith("arn:") else site.arn("events", f"event-bus/{bus}")
