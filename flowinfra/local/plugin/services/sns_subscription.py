"""aws:sns/topicSubscription:TopicSubscription.

After terraform-provider-aws `internal/service/sns/topic_subscription.go`. Nobody reads mail here: a subscription by
e-mail waits for its confirmation, as it does on AWS until a person follows the link.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from flowinfra.local.plugin.attributes import Attributes
from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained
from flowinfra.local.plugin.policies import same_json
from flowinfra.local.plugin.resource import Created, Resource, State, made
from flowinfra.plugin.checks import arn, is_json, one_of
from flowinfra.plugin.schema import Problem, Schema, flag, text, whole
from flowinfra.plugin.wire import UNKNOWN

_PROTOCOLS = ("application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs")
_SCOPES = ("MessageAttributes", "MessageBody")

_INPUTS = {
    "confirmationTimeoutInMinutes": whole(default=1, unread=True),
    "deliveryPolicy": text(is_json, same=same_json),
    "endpoint": text(required=True, replaces=True),
    "endpointAutoConfirms": flag(default=False, unread=True),
    "filterPolicy": text(is_json, same=same_json),
    "filterPolicyScope": text(one_of(_SCOPES), computed=True),
    "protocol": text(one_of(_PROTOCOLS), required=True, replaces=True),
    "rawMessageDelivery": flag(default=False),
    "redrivePolicy": text(is_json, same=same_json),
    "replayPolicy": text(is_json, same=same_json),
    "subscriptionRoleArn": text(arn),
    "topic": text(arn, required=True, replaces=True),
}
_ATTRIBUTES = Attributes(
    {
        "arn": "SubscriptionArn",
        "deliveryPolicy": "DeliveryPolicy",
        "endpoint": "Endpoint",
        "filterPolicy": "FilterPolicy",
        "filterPolicyScope": "FilterPolicyScope",
        "ownerId": "Owner",
        "protocol": "Protocol",
        "rawMessageDelivery": "RawMessageDelivery",
        "redrivePolicy": "RedrivePolicy",
        "replayPolicy": "ReplayPolicy",
        "subscriptionRoleArn": "SubscriptionRoleArn",
        "topic": "TopicArn",
    },
    _INPUTS,
)
_ARGUMENTS = ("Endpoint", "Protocol", "TopicArn")
"""Attributes that Subscribe takes as arguments of their own."""


class TopicSubscription(Resource):
    """A subscription to a topic."""

    token = "aws:sns/topicSubscription:TopicSubscription"  # noqa: S105
    schema = Schema(
        "SNS Topic Subscription",
        _INPUTS,
        ("arn", "confirmationWasAuthenticated", "ownerId", "pendingConfirmation"),
        identity=None,
        tagged=False,
    )

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """A scope is a filter's."""
        policy, scope = new.get("filterPolicy"), new.get("filterPolicyScope")
        if scope is not UNKNOWN and scope and not policy:
            yield Problem("filterPolicyScope", "filter_policy is required when filter_policy_scope is set")

    def create(self, aws: Scope, new: State) -> Created:
        """Subscribe; AWS answers the subscription that is there already."""
        attributes = _ATTRIBUTES.to_create(new)
        given = {name: attributes.pop(name) for name in _ARGUMENTS}
        with explained("creating SNS Topic Subscription"):
            subscription = aws.client("sns").subscribe(ReturnSubscriptionArn=True, Attributes=attributes, **given)[
                "SubscriptionArn"
            ]
        try:
            return Created(subscription, made(self.read(aws, subscription, new), new))
        except CloudError as error:
            raise PartialError(str(error), subscription, {"arn": subscription}) from error

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """GetSubscriptionAttributes."""
        try:
            with explained(f"reading SNS Topic Subscription ({identifier})"):
                answer = aws.client("sns").get_subscription_attributes(SubscriptionArn=identifier)
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        attributes = answer["Attributes"]
        pending = attributes["Protocol"].startswith("email")
        return {
            **_ATTRIBUTES.read(attributes),
            "confirmationWasAuthenticated": not pending and attributes["ConfirmationWasAuthenticated"] == "true",
            "pendingConfirmation": pending or attributes["PendingConfirmation"] == "true",
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """SetSubscriptionAttributes; a scope that takes more before the filter, one that takes less after it."""
        attributes = _ATTRIBUTES.to_update(new, changed)
        scope = attributes.pop("FilterPolicyScope", None)
        ordered = [*attributes.items()]
        if scope:
            ordered.insert(0 if scope == "MessageBody" else len(ordered), ("FilterPolicyScope", scope))
        for name, value in ordered:
            sent = {"AttributeValue": value or ("{}" if name == "FilterPolicy" else "")}
            if name == "RedrivePolicy" and not value:
                sent = {}
            with explained(f"setting SNS Topic Subscription ({identifier}) attribute ({name})"):
                aws.client("sns").set_subscription_attributes(SubscriptionArn=identifier, AttributeName=name, **sent)
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Unsubscribe."""
        try:
            with explained(f"deleting SNS Topic Subscription ({identifier})"):
                aws.client("sns").unsubscribe(SubscriptionArn=identifier)
        except CloudError as error:
            if not error.means_absent():
                raise
