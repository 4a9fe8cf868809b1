"""Which class plays which type. A service's module is imported when its first resource appears."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, Scope
from flowinfra.local.plugin.resource import Resource

Function = Callable[[Scope, Mapping[str, Any]], dict[str, Any]]

RESOURCES: dict[str, str] = {
    "aws:batch/computeEnvironment:ComputeEnvironment": "batch_compute:ComputeEnvironment",
    "aws:batch/jobDefinition:JobDefinition": "batch_jobs:JobDefinition",
    "aws:batch/jobQueue:JobQueue": "batch_compute:JobQueue",
    "aws:cloudwatch/eventRule:EventRule": "events:EventRule",
    "aws:cloudwatch/eventTarget:EventTarget": "events:EventTarget",
    "aws:cloudwatch/logGroup:LogGroup": "logs:LogGroup",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "logs:LogResourcePolicy",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "alarms:MetricAlarm",
    "aws:dynamodb/table:Table": "dynamodb:Table",
    "aws:ec2/securityGroup:SecurityGroup": "ec2:SecurityGroup",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "eks:PodIdentityAssociation",
    "aws:iam/instanceProfile:InstanceProfile": "iam:InstanceProfile",
    "aws:iam/policy:Policy": "iam_policy:Policy",
    "aws:iam/role:Role": "iam:Role",
    "aws:iam/rolePolicy:RolePolicy": "iam:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "iam:RolePolicyAttachment",
    "aws:s3/bucket:Bucket": "s3:Bucket",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "s3_settings:BucketLifecycleConfiguration",
    "aws:s3/bucketObject:BucketObject": "s3_object:BucketObject",
    "aws:s3/bucketObjectv2:BucketObjectv2": "s3_object:BucketObjectv2",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "s3_settings:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "s3_settings:BucketServerSideEncryptionConfiguration"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": "s3_settings:BucketVersioning",
    "aws:scheduler/schedule:Schedule": "scheduler:Schedule",
    "aws:secretsmanager/secret:Secret": "secretsmanager:Secret",
    "aws:sfn/stateMachine:StateMachine": "sfn:StateMachine",
    "aws:sns/topic:Topic": "sns:Topic",
    "aws:sns/topicPolicy:TopicPolicy": "sns:TopicPolicy",
    "aws:sns/topicSubscription:TopicSubscription": "sns_subscription:TopicSubscription",
    "aws:sqs/queue:Queue": "sqs:Queue",
    "aws:sqs/queuePolicy:QueuePolicy": "sqs:QueuePolicy",
}
"""Type token → module in services/ and class."""

FUNCTIONS: dict[str, str] = {
    "aws:ec2/getSubnets:getSubnets": "ec2:get_subnets",
    "aws:ec2/getVpc:getVpc": "ec2:get_vpc",
    "aws:index/getCallerIdentity:getCallerIdentity": "index:get_caller_identity",
    "aws:index/getPartition:getPartition": "index:get_partition",
    "aws:index/getRegion:getRegion": "index:get_region",
    "aws:s3/getObject:getObject": "s3_object:get_object",
    "aws:s3/getObjects:getObjects": "s3_object:get_objects",
}
"""Function token → module in services/ and function."""


def is_known(token: str) -> bool:
    """Whether a resource type is played; any other is kept in the state alone (unmade.py)."""
    return token in RESOURCES


@cache
def resource(token: str) -> Resource:
    """The class that plays a resource type.

    Raises:
        CloudError: for a type that the local plugin does not have.
    """
    if token not in RESOURCES:
        known = "\n  ".join(sorted(RESOURCES))
        raise CloudError(f"the local aws plugin has no resource type {token!r}; it has:\n  {known}")
    kind = _load(RESOURCES[token])
    instance: Resource = kind()
    return instance


@cache
def function(token: str) -> Function:
    """The function that plays an invoke.

    Raises:
        CloudError: for a function that the local plugin does not have.
    """
    if token not in FUNCTIONS:
        known = "\n  ".join(sorted(FUNCTIONS))
        raise CloudError(f"the local aws plugin has no function {token!r}; it has:\n  {known}")
    found: Function = _load(FUNCTIONS[token])
    return found


def _load(place: str) -> Any:
    module, name = place.split(":")
    return getattr(importlib.import_module(f"flowinfra.local.plugin.services.{module}"), name)
