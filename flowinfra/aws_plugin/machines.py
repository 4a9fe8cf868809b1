"""Step Functions' calls for one state machine: which come when, what is tried again, what is waited for.

IAM takes time: for some seconds after a role or its policy was written, Step Functions refuses a state machine with
that role (AccessDeniedException), at an update as at a creation. Such a refusal is tried again; one that says that
whoever deploys lacks a right ("User: … is not authorized to perform …") is not, for it stays.
A state machine that is deleted while executions run is DELETING until each of them has met its next state
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flowinfra.aws_plugin.session import AwsError, explained

PATIENCE = 300.0
"""Seconds for which roles and deletions are waited for, where the resource has no `custom_timeouts`."""
OFF: Mapping[str, Any] = {"level": "OFF", "includeExecutionData": False}
"""Said explicitly: an update that leaves logging out keeps what there was."""
_PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)
_GONE = ("StateMachineDoesNotExist", "ResourceNotFound")

T = TypeVar("T")


@dataclass(frozen=True)
class Machine:
    """A state machine: the live one, or the one that the program asks for."""

    name: str
    definition: str
    role_arn: str
    kind: str = "STANDARD"
    logging: Mapping[str, Any] = field(default_factory=lambda: dict(OFF))
    """level, includeExecutionData, logDestination."""
    tags: Mapping[str, str] = field(default_factory=dict)
    arn: str = ""

    def same_but_tags(self, other: Machine) -> bool:
        """Whether an update of one to the other would change nothing but tags."""
        return (self.definition, self.role_arn, dict(self.logging)) == (
            other.definition,
            other.role_arn,
            dict(other.logging),
        )


@dataclass(frozen=True)
class Patience:
    """How long a call may try, and what ends it before."""

    seconds: float = PATIENCE
    cancelled: threading.Event = field(default_factory=threading.Event)


class Machines:
    """The state machines of a region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def problems(self, definition: str, kind: str) -> list[str]:
        """What Step Functions finds wrong with a definition."""
        with explained("validating a state machine's definition"):
            answer = self._client.validate_state_machine_definition(definition=definition, type=kind)
        if answer["result"] == "OK":
            return []
        return [_diagnostic(found) for found in answer["diagnostics"]]

    def find(self, arn: str) -> Machine | None:
        """What there is; None where it is gone, or ends."""
        try:
            with explained(f"reading state machine {arn}"):
                found = self._client.describe_state_machine(stateMachineArn=arn)
                if found.get("status") == "DELETING":
                    return None
                tags = self._client.list_tags_for_resource(resourceArn=arn)["tags"]
        except AwsError as error:
            if error.code in _GONE:
                return None
            raise
        return Machine(
            name=found["name"],
            definition=found["definition"],
            role_arn=found["roleArn"],
            kind=found["type"],
            logging=_logging(found.get("loggingConfiguration") or {}),
            tags={tag["key"]: tag["value"] for tag in tags},
            arn=found["stateMachineArn"],
        )

    def create(self, wanted: Machine, patience: Patience) -> str:
        """Make it: its ARN. The caller has seen that none of its name is there; AWS takes an equal one for the same."""

        def make() -> str:
            with explained(f"creating state machine {wanted.name}"):
                answer = self._client.create_state_machine(
                    name=wanted.name,
                    definition=wanted.definition,
                    roleArn=wanted.role_arn,
                    type=wanted.kind,
                    loggingConfiguration=_destinations(wanted.logging),
                    tags=_pairs(wanted.tags),
                )
            return str(answer["stateMachineArn"])

        return _when_possible(make, patience)

    def update(self, live: Machine, wanted: Machine, patience: Patience) -> None:
        """Change the live state machine into the wanted one, except for its tags."""
        if live.same_but_tags(wanted):
            return

        def change() -> None:
            with explained(f"updating state machine {live.arn}"):
                self._client.update_state_machine(
                    stateMachineArn=live.arn,
                    definition=wanted.definition,
                    roleArn=wanted.role_arn,
                    loggingConfiguration=_destinations(wanted.logging),
                )

        _when_possible(change, patience)

    def tag(self, live: Machine, wanted: Mapping[str, str], ours: Callable[[str], bool]) -> None:
        """Give it exactly these tags; those that flowinfra does not manage stay."""
        surplus = sorted(key for key in live.tags if key not in wanted and ours(key))
        missing = {key: value for key, value in wanted.items() if live.tags.get(key) != value}
        with explained(f"changing the tags of state machine {live.arn}"):
            if surplus:
                self._client.untag_resource(resourceArn=live.arn, tagKeys=surplus)
            if missing:
                self._client.tag_resource(resourceArn=live.arn, tags=_pairs(missing))

    def delete(self, arn: str, patience: Patience) -> None:
        """Remove it, and wait until it is gone: the roles that its last executions need go after it."""
        try:
            with explained(f"deleting state machine {arn}"):
                self._client.delete_state_machine(stateMachineArn=arn)
        except AwsError as error:
            if error.code not in _GONE:
                raise
        deadline = time.monotonic() + patience.seconds
        for pause in _pauses():
            try:
                with explained(f"reading state machine {arn}"):
                    self._client.describe_state_machine(stateMachineArn=arn)
            except AwsError as error:
                if error.code in _GONE:
                    return
                raise
            if time.monotonic() + pause > deadline or patience.cancelled.wait(pause):
                raise AwsError(
                    f"state machine {arn} is still being deleted: AWS ends each of its executions when the step that "
                    "runs ends. Stop them, or wait, and run the same command again"
                )


def _when_possible(action: Callable[[], T], patience: Patience) -> T:
    """Try again while AWS refuses because of what IAM does not know yet, or of a deletion that goes on."""
    deadline = time.monotonic() + patience.seconds
    for pause in _pauses():
        try:
            return action()
        except AwsError as error:
            if not _passes(error) or time.monotonic() + pause > deadline:
                raise
            if patience.cancelled.wait(pause):
                raise AwsError(f"cancelled while it was tried again: {error}", error.code) from error
    raise AssertionError("pauses do not end")


def _passes(error: AwsError) -> bool:
    """Whether time alone may mend it."""
    if error.code == "StateMachineDeleting":
        return True
    return error.code == "AccessDeniedException" and "User: " not in str(error)


def _pauses() -> Any:
    yield from _PAUSES
    while True:
        yield _PAUSES[-1]


def _diagnostic(found: Mapping[str, str]) -> str:
    where = f" at {found['location']}" if found.get("location") else ""
    return f"{found['severity']} ({found['code']}): {found['message']}{where}"


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def _logging(found: Mapping[str, Any]) -> dict[str, Any]:
    destinations = found.get("destinations") or [{}]
    group = destinations[0].get("cloudWatchLogsLogGroup", {}).get("logGroupArn")
    logging = {"level": found.get("level", "OFF"), "includeExecutionData": bool(found.get("includeExecutionData"))}
    return {**logging, "logDestination": group} if group else logging


def _destinations(logging: Mapping[str, Any]) -> dict[str, Any]:
    """Logging configuration in the form that Step Functions takes."""
    sent = {"level": logging["level"], "includeExecutionData": bool(logging.get("includeExecutionData"))}
    group = logging.get("logDestination")
    return {**sent, "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]} if group else sent
