"""aws:sns/topic:Topic and aws:sns/topicPolicy:TopicPolicy.

After terraform-provider-aws `internal/service/sns/topic.go` and `topic_policy.go`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from flowinfra.local.plugin.attributes import Attributes
from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained
from flowinfra.local.plugin.naming import FIFO, Naming, unique
from flowinfra.local.plugin.policies import same_json, same_policy
from flowinfra.local.plugin.resource import Created, Resource, State, made, pairs, tag_changes, unpair
from flowinfra.plugin import checks
from flowinfra.plugin.checks import arn, between, is_json, one_of
from flowinfra.plugin.schema import Problem, Schema, flag, text, whole
from flowinfra.plugin.wire import UNKNOWN

_PROTOCOLS = {"application": "Application", "firehose": "Firehose", "http": "HTTP", "lambda": "Lambda", "sqs": "SQS"}
"""Protocols that report deliveries, as properties and as attributes begin with them."""

# moto does not tell what is unread here
_INPUTS = {
    **{f"{protocol}FailureFeedbackRoleArn": text(arn, unread=True) for protocol in _PROTOCOLS},
    **{f"{protocol}SuccessFeedbackRoleArn": text(arn, unread=True) for protocol in _PROTOCOLS},
    **{f"{protocol}SuccessFeedbackSampleRate": whole(between(0, 100), unread=True) for protocol in _PROTOCOLS},
    "archivePolicy": text(is_json, same=same_json, unread=True),
    "contentBasedDeduplication": flag(default=False),
    "deliveryPolicy": text(is_json, same=same_json),
    "displayName": text(),
    "fifoThroughputScope": text(one_of(["Topic", "MessageGroup"]), computed=True, unread=True),
    "fifoTopic": flag(default=False, replaces=True),
    "kmsMasterKeyId": text(),
    "name": text(computed=True, replaces=True, conflicts=("namePrefix",)),
    "namePrefix": text(computed=True, replaces=True, unread=True),
    "policy": text(checks.policy(), computed=True, same=same_policy),
    "signatureVersion": whole(between(1, 2), computed=True, unread=True),
    "tracingConfig": text(one_of(["Active", "PassThrough"]), computed=True, unread=True),
}
_ATTRIBUTES = Attributes(
    {
        **{
            f"{protocol}{what}": f"{attribute}{what}"
            for protocol, attribute in _PROTOCOLS.items()
            for what in ("FailureFeedbackRoleArn", "SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate")
        },
        "archivePolicy": "ArchivePolicy",
        "arn": "TopicArn",
        "contentBasedDeduplication": "ContentBasedDeduplication",
        "deliveryPolicy": "DeliveryPolicy",
        "displayName": "DisplayName",
        "fifoThroughputScope": "FifoThroughputScope",
        "fifoTopic": "FifoTopic",
        "kmsMasterKeyId": "KmsMasterKeyId",
        "owner": "Owner",
        "policy": "Policy",
        "signatureVersion": "SignatureVersion",
        "tracingConfig": "TracingConfig",
    },
    _INPUTS,
)
_AT_CREATION = ("FifoTopic", "FifoThroughputScope")
"""Attributes that CreateTopic takes; the others are set one by one."""


class Topic(Resource):
    """A topic."""

    token = "aws:sns/topic:Topic"  # noqa: S105
    schema = Schema("SNS Topic", _INPUTS, ("arn", "beginningArchiveTime", "owner"), identity_limit=256)

    def made_up_name(self, names: Naming, new: State) -> str:
        """A FIFO topic's name ends as it must."""
        return super().made_up_name(names, new) + (FIFO if new.get("fifoTopic") is True else "")

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """Names, and what only FIFO topics have."""
        name, fifo = new.get("name"), new.get("fifoTopic")
        if fifo is UNKNOWN:
            return
        pattern = r"[0-9A-Za-z_-]{1,251}\.fifo" if fifo else r"[0-9A-Za-z_-]{1,256}"
        if isinstance(name, str) and not re.fullmatch(pattern, name):
            yield Problem("name", f"invalid topic name: {name}")
        only = {
            "archivePolicy": "message archive policy",
            "fifoThroughputScope": "FIFO throughput scope",
            "contentBasedDeduplication": "content-based deduplication",
        }
        for key, title in only.items():
            if not fifo and new.get(key) is not UNKNOWN and new.get(key):
                yield Problem(key, f"{title} can only be set for FIFO topics")

    def create(self, aws: Scope, new: State) -> Created:
        """CreateTopic, then its attributes; AWS refuses where one with other tags has the name."""
        client = aws.client("sns")
        name = new.get("name") or unique(new["namePrefix"]) + (FIFO if new.get("fifoTopic") else "")
        attributes = _ATTRIBUTES.to_create(new)
        first = {key: attributes.pop(key) for key in _AT_CREATION if key in attributes}
        with explained(f"creating SNS Topic ({name})"):
            topic = client.create_topic(Name=name, Attributes=first, Tags=pairs(new["tagsAll"]))["TopicArn"]
        try:
            _set(client, topic, attributes)
            return Created(topic, made(self.read(aws, topic, new), new))
        except CloudError as error:
            raise PartialError(str(error), topic, {"arn": topic, "name": name}) from error

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetTopicAttributes and ListTagsForResource."""
        client = aws.client("sns")
        try:
            with explained(f"reading SNS Topic ({identifier})"):
                attributes = client.get_topic_attributes(TopicArn=identifier)["Attributes"]
                tags = client.list_tags_for_resource(ResourceArn=identifier).get("Tags", [])
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        return {**_ATTRIBUTES.read(attributes), "name": identifier.rpartition(":")[2], "tagsAll": unpair(tags)}

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """SetTopicAttributes, and tags."""
        client = aws.client("sns")
        _set(client, identifier, _ATTRIBUTES.to_update(new, changed))
        with explained(f"tagging SNS Topic ({identifier})"):
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_resource(ResourceArn=identifier, TagKeys=to_remove)
            if to_set:
                client.tag_resource(ResourceArn=identifier, Tags=pairs(to_set))
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteTopic."""
        try:
            with explained(f"deleting SNS Topic ({identifier})"):
                aws.client("sns").delete_topic(TopicArn=identifier)
        except CloudError as error:
            if not error.means_absent():
                raise


class TopicPolicy(Resource):
    """Who may use a topic."""

    token = "aws:sns/topicPolicy:TopicPolicy"  # noqa: S105
    schema = Schema(
        "SNS Topic Policy",
        {
            "arn": text(arn, required=True, replaces=True),
            "policy": text(checks.policy(), required=True, same=same_policy),
        },
        ("owner",),
        identity=None,
        tagged=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """SetTopicAttributes: it replaces what is there, as it does with the real provider."""
        _set(aws.client("sns"), new["arn"], {"Policy": new["policy"]})
        return Created(new["arn"], made(self.read(aws, new["arn"], new), new))

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetTopicAttributes."""
        try:
            with explained(f"reading SNS Topic Policy ({identifier})"):
                found = aws.client("sns").get_topic_attributes(TopicArn=identifier)["Attributes"]
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        if not found.get("Policy"):
            return None
        return {"arn": found["TopicArn"], "owner": found["Owner"], "policy": found["Policy"]}

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """SetTopicAttributes."""
        _set(aws.client("sns"), identifier, {"Policy": new["policy"]})
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Give the topic the policy that AWS gives a new one: it cannot have none."""
        try:
            _set(aws.client("sns"), identifier, {"Policy": _default_policy(identifier, old["owner"])})
        except CloudError as error:
            if not error.means_absent():
                raise


def _set(client: Any, topic: str, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        if name == "Policy" and not value:
            continue
        with explained(f"setting SNS Topic ({topic}) attribute ({name})"):
            client.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)


def _default_policy(topic: str, owner: str) -> str:
    actions: tuple[str, ...] = (
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
    )
    actions += ("Subscribe", "ListSubscriptionsByTopic", "Publish", "Receive")
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": topic,
        "Condition": {"StringEquals": {"AWS:SourceOwner": owner}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})
