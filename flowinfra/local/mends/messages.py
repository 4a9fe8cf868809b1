"""Topics and queues keep what they are told, and messages stay on this machine.

AWS: SetQueueAttributes changes the attributes that it names and no other
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html); CreateTopic answers
the topic that exists only if the tags are its own, else it refuses with InvalidParameter
(https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html; the message is as seen from AWS).

moto: SetQueueAttributes takes the policy away when it names none; CreateTopic never refuses; and Publish posts to the
endpoints of HTTP subscriptions, wherever they are: a stand-in must not write to somebody's real webhook.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription, Topic
from moto.sqs.models import Queue

from flowinfra.local.mends.mend import Mend, patch
from flowinfra.local.plugin.settings import is_loopback

_LOG = logging.getLogger(__name__)
_set_attributes = Queue._set_attributes
_create_topic = SNSBackend.create_topic
_publish = Subscription.publish


def set_attributes(self: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
    """Set a queue's attributes; its policy only if it is among them."""
    policy = getattr(self, "policy", None)
    _set_attributes(self, attributes, now)
    if "Policy" not in attributes:
        self.policy = policy


def create_topic(
    self: SNSBackend, name: str, attributes: dict[str, str] | None = None, tags: dict[str, str] | None = None
) -> Topic:
    """Make a topic, or answer the one that is there if its tags are those that are asked for."""
    known = next((topic for topic in list(self.topics.values()) if topic.name == name), None)
    if known is not None and tags and known._tags != tags:
        raise SNSInvalidParameter("Invalid parameter: Tags Reason: Topic already exists with different tags")
    return _create_topic(self, name, attributes, tags)


def publish(self: Subscription, *arguments: Any, **options: Any) -> None:
    """Deliver a message, unless it would leave this machine."""
    if self.protocol in ("http", "https") and not is_loopback(self.endpoint):
        host = urlsplit(self.endpoint).hostname
        _LOG.warning("a message of %s is not delivered to %s: the embedded AWS writes to nobody", self.topic.arn, host)
        return
    _publish(self, *arguments, **options)


MEND = Mend(
    "messages",
    (
        patch(Queue, "_set_attributes", set_attributes),
        patch(SNSBackend, "create_topic", create_topic),
        patch(Subscription, "publish", publish),
    ),
)
