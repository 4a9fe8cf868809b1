"""What programs have beside their flows: topics, queues, and who may use them. What can change in place differs
between versions.
"""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws


def allowing(action: str, resource: str, sid: str) -> str:
    """A policy of a topic or queue."""
    who = {"Service": "events.amazonaws.com"}
    statement = {"Sid": sid, "Effect": "Allow", "Principal": who, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def messaging(name: str, *, second: bool, tags: dict[str, str]) -> None:
    """A topic with a queue that listens to it, and a dead-letter queue."""
    topic = aws.sns.Topic(
        "topic",
        name=f"{name}-topic",
        display_name="runs" if second else "flows",
        sqs_success_feedback_sample_rate=50 if second else 10,
        tags=tags,
    )
    sid = "second" if second else "first"
    aws.sns.TopicPolicy(
        "topic-policy", arn=topic.arn, policy=topic.arn.apply(lambda arn: allowing("sns:Publish", arn, sid))
    )
    dead = aws.sqs.Queue("dead", fifo_queue=False, name_prefix=f"{name}-d", delay_seconds=5 if second else 0, tags=tags)
    queue = aws.sqs.Queue(
        "messages",
        name=f"{name}-messages",
        visibility_timeout_seconds=60 if second else 45,
        redrive_policy=dead.arn.apply(
            lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 4 if second else 3})
        ),
        tags=tags,
    )
    aws.sqs.QueuePolicy(
        "queue-policy",
        queue_url=queue.url,
        policy=queue.arn.apply(lambda arn: allowing("sqs:SendMessage", arn, sid)),
    )
    aws.sns.TopicSubscription(
        "subscription",
        topic=topic.arn,
        protocol="sqs",
        endpoint=queue.arn,
        raw_message_delivery=True,
        filter_policy=json.dumps({"kind": ["failed", "late"] if second else ["failed"]}),
    )
    aws.sns.TopicSubscription(
        "mail",
        topic=topic.arn,
        protocol="email",
        endpoint="team@example.com",
        filter_policy=json.dumps({"kind": ["late"] if second else ["failed"]}),
    )
    fifo = aws.sqs.Queue("ordered", fifo_queue=True, content_based_deduplication=second, tags=tags)
    pulumi.export("topic", topic.arn)
    pulumi.export("queue", queue.url)
    pulumi.export("ordered", fifo.name)
