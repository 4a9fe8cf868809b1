"""Events of EventBridge by a name of the stack's own: which events a name stands for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from flowinfra.model.alerts import UNHAPPY, End
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.config import Config
from flowinfra.model.events.conditions import InvalidPatternError
from flowinfra.model.events.patterns import compiled

_LONGEST = 4096
"""Most characters of a pattern (PutRule in EventBridge's service model)."""


def _pattern(value: dict[str, Json]) -> dict[str, Json]:
    text = canonical_json(value)
    if len(text) > _LONGEST:
        raise ValueError(f"{_LONGEST:,} characters of JSON at most, this has {len(text):,}")
    try:
        compiled(text)
    except InvalidPatternError as error:
        raise ValueError(f"a pattern that EventBridge takes ({error})") from None
    return value


def _name(value: str) -> str:
    # a `detail-type` has 128 characters at most: https://docs.aws.amazon.com/eventbridge/latest/APIReference/
    # API_PutEventsRequestEntry.html; the other three mean something else in a policy of IAM
    if not 0 < len(value) <= 128 or value != value.strip() or not value.isprintable() or set(value) & set("*?$"):
        raise ValueError("1 to 128 printable characters, none of them `*`, `?` or `$`, without spaces at the ends")
    return value


EventName = Annotated[str, AfterValidator(_name)]
"""Name of an event, which EventBridge has as `detail-type`."""

_OF_OBJECT = {
    "bucket": "bucket.name",
    "key": "object.key",
    "size": "object.size",
    "etag": "object.etag",
    "version": "object.version-id",
}
"""What an event of S3 says (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html)."""


class S3Event(Config):
    """An object that is made in S3, in a bucket that sends its events to EventBridge."""

    bucket: str = Field(min_length=3, max_length=63)
    """Name of the bucket."""
    prefix: str = ""
    """What the object's key begins with."""
    suffix: str = ""
    """What the object's key ends with."""


_OF_RUN = {"run": "name", "status": "status", "error": "error", "cause": "cause", "execution": "executionArn"}
"""What an event of an execution says (https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html)."""


class RunEvent(Config):
    """A run of a flow on Step Functions that has ended without success, or as `on` says."""

    state_machine: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$")
    """Name of the flow's state machine, such as `TrainFlow`, in the account and region of the flows."""
    on: list[End] = Field(default_factory=lambda: list(UNHAPPY), min_length=1)
    """Ends of runs: FAILED, TIMED_OUT, ABORTED, SUCCEEDED. Default: the first three."""


class EventConfig(Config):
    """Which events a name of @trigger stands for: give one of `pattern`, `s3` and `run`."""

    pattern: Annotated[dict[str, Json], AfterValidator(_pattern)] | None = None
    """A pattern of EventBridge."""
    s3: S3Event | None = None
    """An object that is made in S3."""
    run: RunEvent | None = None
    """A run that has failed, or has ended otherwise."""
    payload: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")], str] = Field(default_factory=dict)
    """Name that @trigger knows → path of keys in the event's `detail`, such as `object.key`. Metaflow takes letters,
    digits and `_` in names alone. Those of `s3` are there already: bucket, key, size, etag, version; and of `run`: run,
    status, error, cause, execution."""

    @model_validator(mode="after")
    def _one(self) -> EventConfig:
        if [self.pattern, self.s3, self.run].count(None) != 2:
            raise ValueError("one of pattern, s3 and run")
        return self

    @property
    def listens_to(self) -> dict[str, Json]:
        """The pattern."""
        if self.run:
            return _of_run(self.run)
        return _of_s3(self.s3) if self.s3 else self.pattern or {}

    @property
    def names(self) -> dict[str, str]:
        """Name of the payload → path of keys in the event's `detail`."""
        return {**(_OF_OBJECT if self.s3 else _OF_RUN if self.run else {}), **self.payload}

    @property
    def of_aws(self) -> bool:
        """Whether they are events of AWS' own services alone, which come to the default bus and no other."""
        sources: Any = self.listens_to.get("source")
        return isinstance(sources, list) and all(isinstance(each, str) and each.startswith("aws.") for each in sources)


def _of_s3(given: S3Event) -> dict[str, Json]:
    detail: dict[str, Json] = {"bucket": {"name": [given.bucket]}}
    if given.prefix or given.suffix:
        detail["object"] = {"key": [_key(given)]}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def _of_run(given: RunEvent) -> dict[str, Json]:
    # AWS takes its own events from the account that they are of, on the account's default bus
    machine: dict[str, Json] = {"suffix": f":stateMachine:{given.state_machine}"}
    return {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine], "status": [*given.on]},
    }


def _key(given: S3Event) -> dict[str, Json]:
    """One condition for both ends of a key: two in an array are alternatives."""
    if given.prefix and given.suffix:
        plain = [each.replace("\\", "\\\\").replace("*", "\\*") for each in (given.prefix, given.suffix)]
        return {"wildcard": "*".join(plain)}
    return {"prefix": given.prefix} if given.prefix else {"suffix": given.suffix}
