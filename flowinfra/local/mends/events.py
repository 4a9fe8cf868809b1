"""EventBridge: rules and targets that AWS refuses are refused, and events go to what has a rule for them.

AWS: PutEvents answers for each entry, and does not take events of its own services (https://docs.aws.amazon.com/
eventbridge/latest/APIReference/API_PutEvents.html); PutRule and TestEventPattern refuse what is no pattern; PutTargets
refuses inputs that cannot be delivered, and a state machine without a role. Patterns, inputs and delivery are as
`flowinfra.local.events` says.

moto: takes any pattern, matches some of it otherwise, knows no paths through arrays; has neither topics nor state
machines as targets, delivers to disabled rules and in the call, and takes any target.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from moto.events.exceptions import InvalidEventPatternException, ResourceNotFoundException, ValidationException
from moto.events.models import EventPatternParser, EventsBackend
from moto.events.responses import EventsHandler

from flowinfra.local.events import shapes, template
from flowinfra.local.events.bus import BUS
from flowinfra.local.mends.mend import Mend, patch
from flowinfra.model.events.conditions import InvalidPatternError
from flowinfra.model.events.patterns import compiled

_put_targets = EventsBackend.put_targets
_MOST_ENTRIES, _MOST_BYTES = 10, 256 * 1024
_LONGEST_PATTERN = 4096
_FIELDS = frozenset(("id", "account", "source", "time", "region", "resources", "detail-type"))


def parse(self: EventPatternParser) -> dict[str, Any]:
    """A pattern as moto keeps it; refused if it is none."""
    if self.pattern is None:
        return {}
    _checked(self.pattern)
    found: dict[str, Any] = json.loads(self.pattern)
    return found


def _checked(text: str) -> None:
    if len(text) > _LONGEST_PATTERN:
        raise InvalidEventPatternException(reason=f"Event pattern is longer than {_LONGEST_PATTERN} characters")
    try:
        compiled(text)
    except InvalidPatternError as error:
        raise InvalidEventPatternException(reason=str(error)) from None


def test_event_pattern(self: EventsHandler) -> str:
    """TestEventPattern."""
    pattern, text = self._get_param("EventPattern"), self._get_param("Event")
    _checked(pattern)
    try:
        event = json.loads(text)
    except ValueError:
        raise ValidationException("Parameter Event is not valid. Reason: Invalid JSON") from None
    if not isinstance(event, dict) or (missing := sorted(_FIELDS - set(event))):
        reason = f"missing {', '.join(missing)}" if isinstance(event, dict) else "it is not an object"
        raise ValidationException(f"Parameter Event is not valid. Reason: {reason}")
    return json.dumps({"Result": compiled(pattern).matches(text)})


def put_targets(self: EventsBackend, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
    """PutTargets."""
    for target in targets:
        if problem := template.problem(target):
            raise ValidationException(problem)
        if target["Arn"].split(":")[2:3] == ["states"] and not target.get("RoleArn"):
            raise ValidationException(f"RoleArn is required for target {target['Arn']}.")
    _put_targets(self, name, event_bus_arn, targets)


def put_events(self: EventsBackend, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """PutEvents."""
    if not 0 < len(events) <= _MOST_ENTRIES:
        raise ValidationException(
            f"1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length "
            f"less than or equal to {_MOST_ENTRIES} and greater than or equal to 1"
        )
    if sum(_size(entry) for entry in events) > _MOST_BYTES:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    return [_put(self, entry) for entry in events]


def _size(entry: dict[str, Any]) -> int:
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ())]
    return sum(len(text.encode()) for text in texts if text) + (14 if entry.get("Time") else 0)


def _put(backend: EventsBackend, entry: dict[str, Any]) -> dict[str, str]:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
    if entry["Source"].startswith("aws."):
        return {
            "ErrorCode": "NotAuthorizedForSourceException",
            "ErrorMessage": f"Not authorized for the source. [{entry['Source']}]",
        }
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    bus = backend._normalize_event_bus_arn(entry.get("EventBusName") or None)
    if bus not in backend.event_buses:
        raise ResourceNotFoundException(f"Event bus {bus} does not exist.")
    event = shapes.envelope(
        entry["Source"], entry["DetailType"], detail, entry.get("Resources") or (), _moment(entry.get("Time"))
    )
    BUS.put(event, bus)
    return {"EventId": event["id"]}


def _moment(given: Any) -> datetime | None:
    if given is None:
        return None
    if isinstance(given, (int, float)):
        return datetime.fromtimestamp(given, timezone.utc)
    return datetime.fromisoformat(str(given).replace("Z", "+00:00"))


MEND = Mend(
    "events",
    (
        patch(EventPatternParser, "parse", parse),
        patch(EventsHandler, "test_event_pattern", test_event_pattern),
        patch(EventsBackend, "put_targets", put_targets),
        patch(EventsBackend, "put_events", put_events),
    ),
)
