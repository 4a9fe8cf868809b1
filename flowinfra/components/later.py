"""Arguments of a component that may be Outputs: checked with stand-ins, and put back where resources are made.

A flow's plan is made of plain values. What a resource of the same program gives, such as a policy's ARN, is not known
when it is made, and none of it changes what the flow compiles to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from flowinfra.errors import ConfigError

DEAD_LETTERS = "arn:aws:sqs:us-east-1:000000000000:queue-that-is-being-created"
_TEXTS = {"queue": "queue-that-is-being-created-{}", "dead_letter_queue": f"{DEAD_LETTERS}-{{}}"}
_LISTS = {"job_policies": "arn:aws:iam::000000000000:policy/policy-that-is-being-created-{}"}
_MAPPINGS = dict.fromkeys(("aws_tags", "labels", "annotations"), "value-that-is-being-created-{}")
"""Their values are never secrets: whoever may look at a resource sees them, and Pulumi's AWS provider copies tags into
`tagsAll`, which no state encrypts."""
_RETENTION, _ALERTS = "log_retention_days", "alerts"
_TOPIC = "arn:aws:sns:us-east-1:000000000000:topic-that-is-being-created-{}"


@dataclass(frozen=True)
class Later:
    """What stands for which Output."""

    texts: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Stand-in → the value."""
    log_retention_days: pulumi.Input[int] | None = None

    def text(self, value: Any) -> Any:
        """A value, or what it stands for."""
        return self.texts.get(value, value) if isinstance(value, str) else value


NOTHING_LATER = Later()


def known_now(label: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], Later]:
    """Arguments with a stand-in for each Output, and what the stand-ins are for.

    Raises:
        ConfigError: a list or mapping that is an Output as a whole: how many there are decides what is made.
    """
    result, texts = dict(values), dict[str, pulumi.Input[str]]()

    def stand_in(form: str, value: Any) -> Any:
        if not is_output(value):
            return value
        made = form.format(len(texts))
        texts[made] = value
        return made

    for key in (*_LISTS, *_MAPPINGS):
        if is_output(values.get(key)):
            kind = "list" if key in _LISTS else "mapping"
            raise ConfigError(f"{label}: {key} is an Output; give a {kind}, whose values may be Outputs")
    for key, form in _TEXTS.items():
        if key in result:
            result[key] = stand_in(form, result[key])
    for key, form in _LISTS.items():
        if isinstance(result.get(key), Sequence) and not isinstance(result[key], str):
            result[key] = [stand_in(form, value) for value in result[key]]
    for key, form in _MAPPINGS.items():
        if isinstance(result.get(key), Mapping):
            result[key] = {
                name: stand_in(form, _plain(value, key, f"{label}: {key}.{name}"))
                for name, value in result[key].items()
            }
    if isinstance(alerts := result.get(_ALERTS), Mapping) and is_output(alerts.get("topic")):
        result[_ALERTS] = {**alerts, "topic": stand_in(_TOPIC, alerts["topic"])}
    retention = result.pop(_RETENTION) if is_output(result.get(_RETENTION)) else None
    if retention is not None:
        result[_RETENTION] = 1
    return result, Later(texts, retention)


def _plain(value: Any, key: str, who: str) -> Any:
    """A value; where it is an Output that turns out to be a secret, making resources of it fails."""
    if not isinstance(value, pulumi.Output):
        return value

    async def known() -> Any:
        if await value.is_secret():
            raise pulumi.RunError(
                f"{who} is a secret, and {key} are shown to everybody who may look at the resources, and stand in the "
                "state in plain text; give a value that is not secret, or leave it out"
            )
        return await value.future(with_unknowns=True)

    return pulumi.Output(value.resources(), known(), value.is_known())


def is_output(value: Any) -> bool:
    """Whether a value may not be known yet."""
    return isinstance(value, (pulumi.Output, Awaitable))
