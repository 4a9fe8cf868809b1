"""Alerts of runs: which ends go to which topic, and what is wrong with that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from flowinfra.model.config import Config

End = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
"""How an execution of Step Functions can end."""
ENDS: tuple[End, ...] = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
UNHAPPY: tuple[End, ...] = ("FAILED", "TIMED_OUT", "ABORTED")
"""The ends that are sent if nobody says otherwise."""
TO_BE = "000000000000"
"""Account in the ARN of a topic that stands for one that is being created."""
_TOPIC = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):sns:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<name>[A-Za-z0-9_-]{1,256}(\.fifo)?)"
)


class AlertsConfig(Config):
    """Messages to an SNS topic when a run ends."""

    topic: str | None = None
    """ARN of the topic, in the region and account of the flows. A flow's own wins over the platform's."""
    on: Annotated[list[End], Field(max_length=len(ENDS))] | None = None
    """Ends of runs that are sent: FAILED, TIMED_OUT, ABORTED, SUCCEEDED. Default: the first three. `[]`: no
    alerts."""


def combined(platform: Mapping[str, Any] | None, flow: AlertsConfig | None) -> dict[str, Any] | None:
    """The alerts of a flow: each key its own, or the platform's; None where there are none."""
    found: dict[str, Any] = {**(platform or {}), **given(flow)}
    if not found:
        return None
    ends = found.get("on")
    found["on"] = [end for end in ENDS if end in (UNHAPPY if ends is None else ends)]
    return found if found["on"] else None


def given(alerts: AlertsConfig | None) -> dict[str, Any]:
    """What a configuration of alerts says, without what it leaves out."""
    return {} if alerts is None else alerts.model_dump(exclude_none=True)


def topic_problems(topic: str, region: str, account: str, partition: str) -> Iterator[str]:
    """Why alerts cannot go to a topic from where the flow is."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        yield (
            f"alerts.topic is {topic!r}, allowed: the ARN of an SNS topic, such as "
            f"arn:{partition}:sns:{region}:{account}:alerts"
        )
        return
    if found["account"] == TO_BE:
        return
    if found["name"].endswith(".fifo"):
        yield f"alerts.topic is {topic!r}, a FIFO topic, which EventBridge does not send to; give a standard topic"
    for what, here in (("partition", partition), ("region", region), ("account", account)):
        if found[what] != here:
            yield (
                f"alerts.topic is {topic!r}, of {what} {found[what]}, and the flow runs in {here}; give a topic there. "
                "A topic or queue elsewhere can subscribe to it"
            )
