"""Delivery of events: to each target of each rule that matches, one after the other, in a thread of its own.

AWS: a rule that is disabled matches nothing. A state machine is started with the target's role. Topics and queues say
in their own policies that EventBridge may write to them (https://docs.aws.amazon.com/eventbridge/latest/userguide/
eb-use-resource-based.html); without that, an event is lost without a word. Here the words are kept: `lost`. An event
that came from another bus is not sent on to a third one (.../userguide/eb-bus-to-bus.html). What a role may not do yet
is tried again.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.events.models import Rule, events_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from flowinfra.local import identity, wiring
from flowinfra.local.events import shapes
from flowinfra.local.events.policies import lets_events
from flowinfra.local.events.template import UndeliverableError, delivered
from flowinfra.model.events.patterns import compiled

LOG = logging.getLogger(__name__)
DEFAULT = "default"
_RETRY_AFTER = 1.0
_MOST_TRIES = 185
"""As often as EventBridge tries, if it is not told otherwise."""
_MOST_LOST = 1000
_FIFO = ".fifo"


@dataclass(frozen=True)
class Lost:
    """An event that a target did not get."""

    rule: str
    target: str
    reason: str
    event: str
    """The id of the event."""


@dataclass(frozen=True)
class _Delivery:
    rule: Rule
    target: Mapping[str, Any]
    event: Mapping[str, Any]
    ingested: str
    forwarded: bool = False
    tries: int = field(default=0)


class Bus:
    """All buses of the account."""

    def __init__(self) -> None:
        self._deliveries: queue.Queue[_Delivery] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.lost: deque[Lost] = deque(maxlen=_MOST_LOST)

    def put(self, event: Mapping[str, Any], bus: str = DEFAULT, *, forwarded: bool = False) -> None:
        """Deliver an event soon to whoever has a rule for it."""
        found = events_backends[identity.ACCOUNT][identity.REGION].event_buses.get(bus)
        if found is None:
            return
        ingested = shapes.second(datetime.now(timezone.utc))
        for rule in list(found.rules.values()):
            if rule.state == "DISABLED" or not (pattern := rule.event_pattern.dump()):
                continue
            if compiled(pattern).matches(event):
                for target in list(rule.targets):
                    self._later(_Delivery(rule, target, event, ingested, forwarded))

    def _later(self, delivery: _Delivery) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._deliver_all, name="events", daemon=True)
                self._thread.start()
        self._deliveries.put(delivery)

    def _deliver_all(self) -> None:
        while True:
            delivery = self._deliveries.get()
            try:
                self._deliver(delivery)
            except UndeliverableError as error:
                self._lose(delivery, str(error))
            except ClientError as error:
                if error.response["Error"]["Code"] != "AccessDeniedException" or delivery.tries >= _MOST_TRIES:
                    self._lose(delivery, str(error))
                    continue
                again = _Delivery(**{**vars(delivery), "tries": delivery.tries + 1})
                threading.Timer(_RETRY_AFTER, self._deliveries.put, [again]).start()
            except Exception as error:
                LOG.exception("rule %s", delivery.rule.name)
                self._lose(delivery, f"{type(error).__name__}: {error}")

    def _lose(self, delivery: _Delivery, reason: str) -> None:
        LOG.warning("rule %s: target %s did not get an event: %s", delivery.rule.name, delivery.target["Arn"], reason)
        self.lost.append(Lost(delivery.rule.name, delivery.target["Arn"], reason, str(delivery.event["id"])))

    def _deliver(self, delivery: _Delivery) -> None:
        rule, target = delivery.rule, delivery.target
        arn: str = target["Arn"]
        about = {"name": rule.name, "arn": rule.arn, "ingestion-time": delivery.ingested}
        service = arn.split(":")[2]
        if service == "events" and ":event-bus/" in arn:
            self._forward(delivery, arn.rpartition("/")[2])
            return
        if service == "events" or service == "logs":
            _as_moto_does(rule, target, delivery.event)
            return
        text = delivered(target, delivery.event, about)
        if service == "states":
            _start(target, text)
        elif service == "sns":
            _publish(rule, arn, text)
        elif service == "sqs":
            _send(rule, target, text)
        else:
            raise UndeliverableError(f"the embedded AWS has no targets of {service}")

    def _forward(self, delivery: _Delivery, bus: str) -> None:
        if delivery.forwarded:
            raise UndeliverableError("EventBridge sends no event on that came from another bus")
        if bus not in events_backends[identity.ACCOUNT][identity.REGION].event_buses:
            raise UndeliverableError(f"there is no event bus {bus}")
        self.put(delivery.event, bus, forwarded=True)


def _as_moto_does(rule: Rule, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    """Log groups and archives, which moto serves."""
    arn: str = target["Arn"]
    if ":log-group:" in arn:
        rule._send_to_cw_log_group(arn.split(":")[6], dict(event) | {"time": _seconds(str(event["time"]))})
        return
    template = target["InputTransformer"]["InputTemplate"]
    name = template.partition(":archive/")[2].partition('"')[0]
    rule._send_to_events_archive(name, dict(event) | {"ingestion-time": 0.0})  # type: ignore[arg-type]


def _seconds(moment: str) -> float:
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def _start(target: Mapping[str, Any], text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        raise UndeliverableError(f"its input is not JSON: {text}") from None
    client: Any = boto3.session.Session().client(
        "stepfunctions",
        endpoint_url=wiring.current().endpoint,
        region_name=identity.REGION,
        aws_access_key_id=identity.access_key("events", target.get("RoleArn")),
        aws_secret_access_key=identity.SECRET_KEY,
    )
    client.start_execution(stateMachineArn=target["Arn"], input=text)


def _publish(rule: Rule, arn: str, text: str) -> None:
    topic = sns_backends[identity.ACCOUNT][arn.split(":")[3]].topics.get(arn)
    if topic is None:
        raise UndeliverableError("there is no such topic")
    if not lets_events(topic.policy, "sns:Publish", arn, rule.arn):
        raise UndeliverableError("the topic's policy does not let events.amazonaws.com publish for this rule")
    topic.publish(text)


def _send(rule: Rule, target: Mapping[str, Any], text: str) -> None:
    arn: str = target["Arn"]
    backend, name = sqs_backends[identity.ACCOUNT][arn.split(":")[3]], arn.rpartition(":")[2]
    found = backend.queues.get(name)
    if found is None:
        raise UndeliverableError("there is no such queue")
    if not lets_events(found.policy, "sqs:SendMessage", arn, rule.arn):
        raise UndeliverableError("the queue's policy does not let events.amazonaws.com send for this rule")
    if name.endswith(_FIFO) and found.attributes.get("ContentBasedDeduplication") != "true":
        raise UndeliverableError("the queue has no content-based deduplication")
    group = (target.get("SqsParameters") or {}).get("MessageGroupId")
    backend.send_message(queue_name=name, message_body=text, group_id=group)


BUS = Bus()
"""That of this process, as moto's state is."""
