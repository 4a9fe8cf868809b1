"""aws:sqs/queue:Queue and aws:sqs/queuePolicy:QueuePolicy.

After terraform-provider-aws `internal/service/sqs/queue.go` and `queue_policy.go`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from flowinfra.local.plugin.attributes import Attributes
from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained
from flowinfra.local.plugin.naming import FIFO, Naming, unique
from flowinfra.local.plugin.policies import same_json, same_policy
from flowinfra.local.plugin.resource import Created, Resource, State, made, tag_changes
from flowinfra.plugin.checks import between, is_json, one_of
from flowinfra.plugin.schema import Change, Problem, Schema, flag, text, whole
from flowinfra.plugin.wire import UNKNOWN

_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_KEY_REUSE = 300
"""Seconds for which SQS uses a data key again, where it does not say."""

_INPUTS = {
    "contentBasedDeduplication": flag(default=False),
    "deduplicationScope": text(one_of(["messageGroup", "queue"]), computed=True),
    "delaySeconds": whole(between(0, 900), default=0),
    "fifoQueue": flag(default=False, replaces=True),
    "fifoThroughputLimit": text(one_of(["perMessageGroupId", "perQueue"]), computed=True),
    "kmsDataKeyReusePeriodSeconds": whole(between(60, 86_400), computed=True),
    "kmsMasterKeyId": text(conflicts=("sqsManagedSseEnabled",)),
    "maxMessageSize": whole(between(1024, 1_048_576), default=262_144),
    "messageRetentionSeconds": whole(between(60, 1_209_600), default=345_600),
    "name": text(computed=True, replaces=True, conflicts=("namePrefix",)),
    "namePrefix": text(computed=True, replaces=True, unread=True),
    "policy": text(is_json, computed=True, same=same_policy),
    "receiveWaitTimeSeconds": whole(default=0),
    # moto does not tell it
    "redriveAllowPolicy": text(is_json, computed=True, same=same_json, unread=True),
    "redrivePolicy": text(is_json, computed=True, same=same_json),
    "sqsManagedSseEnabled": flag(computed=True, conflicts=("kmsMasterKeyId",)),
    "visibilityTimeoutSeconds": whole(between(0, 43_200), default=30),
}
_ATTRIBUTES = Attributes(
    {
        "arn": "QueueArn",
        "contentBasedDeduplication": "ContentBasedDeduplication",
        "deduplicationScope": "DeduplicationScope",
        "delaySeconds": "DelaySeconds",
        "fifoQueue": "FifoQueue",
        "fifoThroughputLimit": "FifoThroughputLimit",
        "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
        "kmsMasterKeyId": "KmsMasterKeyId",
        "maxMessageSize": "MaximumMessageSize",
        "messageRetentionSeconds": "MessageRetentionPeriod",
        "policy": "Policy",
        "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
        "redriveAllowPolicy": "RedriveAllowPolicy",
        "redrivePolicy": "RedrivePolicy",
        "sqsManagedSseEnabled": "SqsManagedSseEnabled",
        "visibilityTimeoutSeconds": "VisibilityTimeout",
    },
    _INPUTS,
)


class Queue(Resource):
    """A queue."""

    token = "aws:sqs/queue:Queue"  # noqa: S105
    schema = Schema("SQS Queue", _INPUTS, ("arn", "url"), identity_limit=80)

    def made_up_name(self, names: Naming, new: State) -> str:
        """A FIFO queue's name ends as it must."""
        return super().made_up_name(names, new) + (FIFO if new.get("fifoQueue") is True else "")

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """Names, and what only FIFO queues have."""
        name, fifo = new.get("name"), new.get("fifoQueue")
        if fifo is UNKNOWN:
            return
        pattern = r"[0-9A-Za-z_-]{1,75}\.fifo" if fifo else r"[0-9A-Za-z_-]{1,80}"
        if isinstance(name, str) and not re.fullmatch(pattern, name):
            yield Problem("name", f"invalid queue name: {name}")
        if new.get("contentBasedDeduplication") is True and not fifo:
            yield Problem("contentBasedDeduplication", "content-based deduplication can only be set for FIFO queue")

    def changes(self, old: State, new: State, found: list[Change]) -> list[Change]:
        """How long a data key is used matters where the queue is encrypted."""
        if new.get("sqsManagedSseEnabled") or new.get("kmsMasterKeyId"):
            return found
        return [change for change in found if change.top != "kmsDataKeyReusePeriodSeconds"]

    def create(self, aws: Scope, new: State) -> Created:
        """CreateQueue; refused by AWS where one with other settings has the name."""
        name = new.get("name") or unique(new["namePrefix"]) + (FIFO if new.get("fifoQueue") else "")
        with explained(f"creating SQS Queue ({name})"):
            url = aws.client("sqs").create_queue(
                QueueName=name, Attributes=_ATTRIBUTES.to_create(new), tags=dict(new["tagsAll"])
            )["QueueUrl"]
        try:
            return Created(url, made(self.read(aws, url, new), new))
        except CloudError as error:
            raise PartialError(str(error), url, {"name": name, "url": url}) from error

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetQueueAttributes and ListQueueTags."""
        client = aws.client("sqs")
        try:
            with explained(f"reading SQS Queue ({identifier})"):
                attributes = client.get_queue_attributes(QueueUrl=identifier, AttributeNames=["All"])["Attributes"]
                tags = client.list_queue_tags(QueueUrl=identifier).get("Tags", {})
        except CloudError as error:
            if error.means_absent(*_GONE):
                return None
            raise
        return {
            "kmsDataKeyReusePeriodSeconds": _KEY_REUSE,
            **_ATTRIBUTES.read(attributes),
            "name": identifier.rpartition("/")[2],
            "tagsAll": tags,
            "url": identifier,
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """SetQueueAttributes, and tags."""
        client = aws.client("sqs")
        with explained(f"updating SQS Queue ({identifier}) attributes"):
            if attributes := _ATTRIBUTES.to_update(new, changed):
                client.set_queue_attributes(QueueUrl=identifier, Attributes=attributes)
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_queue(QueueUrl=identifier, TagKeys=to_remove)
            if to_set:
                client.tag_queue(QueueUrl=identifier, Tags=to_set)
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteQueue."""
        try:
            with explained(f"deleting SQS Queue ({identifier})"):
                aws.client("sqs").delete_queue(QueueUrl=identifier)
        except CloudError as error:
            if not error.means_absent(*_GONE):
                raise


class QueuePolicy(Resource):
    """Who may use a queue."""

    token = "aws:sqs/queuePolicy:QueuePolicy"  # noqa: S105
    schema = Schema(
        "SQS Queue Policy",
        {
            "policy": text(is_json, required=True, same=same_policy),
            "queueUrl": text(required=True, replaces=True),
        },
        identity=None,
        tagged=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """SetQueueAttributes: it replaces what is there, as it does with the real provider."""
        self._put(aws, new["queueUrl"], new["policy"])
        return Created(new["queueUrl"])

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetQueueAttributes; a queue without a policy has none."""
        try:
            with explained(f"reading SQS Queue Policy ({identifier})"):
                answer = aws.client("sqs").get_queue_attributes(QueueUrl=identifier, AttributeNames=["Policy"])
        except CloudError as error:
            if error.means_absent(*_GONE):
                return None
            raise
        policy = answer.get("Attributes", {}).get("Policy")
        return {"policy": policy, "queueUrl": identifier} if policy else None

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """SetQueueAttributes."""
        self._put(aws, identifier, new["policy"])
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Set the queue's policy to none."""
        try:
            self._put(aws, identifier, "", "deleting")
        except CloudError as error:
            if not error.means_absent(*_GONE):
                raise

    @staticmethod
    def _put(aws: Scope, url: str, policy: str, doing: str = "setting") -> None:
        with explained(f"{doing} SQS Queue Policy ({url})"):
            aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
