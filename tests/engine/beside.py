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


def allowed(action: str, resource: str) -> str:
    """A policy of a role."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(sid: str) -> str:
    """Who may assume a role."""
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
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
    policy = aws.iam.Policy(
        "publish",
        name=f"{name}-publish",
        policy=topic.arn.apply(lambda arn: allowed("sns:Publish" if second else "sns:*", arn)),
        tags=tags,
    )
    role = aws.iam.Role("publisher", name=f"{name}-publisher", assume_role_policy=trust(sid), tags=tags)
    aws.iam.RolePolicyAttachment("attached", role=role.name, policy_arn=policy.arn)
    aws.cloudwatch.MetricAlarm(
        "alarm",
        name=f"{name}-alarm",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=2 if second else 1,
        metric_name="ExecutionsFailed",
        namespace="AWS/States",
        period=60,
        statistic="Sum",
        threshold=0.5 if second else 0,
        dimensions={"StateMachineArn": name},
        alarm_actions=[topic.arn],
        tags=tags,
    )
    aws.cloudwatch.MetricAlarm(
        "rate",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        threshold=2 if second else 1,
        metric_queries=[
            {"id": "e1", "expression": "m1 * 2", "label": "twice", "return_data": True},
            {
                "id": "m1",
                "metric": {"metric_name": "ExecutionsFailed", "namespace": "AWS/States", "period": 60, "stat": "Sum"},
            },
        ],
        tags=tags,
    )
    pulumi.export("topic", topic.arn)
    pulumi.export("queue", queue.url)
    pulumi.export("ordered", fifo.name)
