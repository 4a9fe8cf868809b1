"""What calls need, and what policies allow: by AWS's own rules of matching."""

from __future__ import annotations

from typing import Any

import pytest

from flowinfra.errors import LocalError
from flowinfra.local.authorization import allows, needed


def policy(action: Any, resource: Any, effect: str = "Allow") -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource}]}


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("s3:GetObject", "arn:aws:s3:::b/metaflow/Flow/*", True),
        ("S3:getobject", "arn:aws:s3:::b/metaflow/Flow/*", True),
        (["s3:Put*", "s3:Get*"], ["arn:aws:s3:::other", "*"], True),
        ("s3:GetObjectTagging", "*", False),
        ("s3:GetObject", "arn:aws:s3:::b/metaflow/flow/*", False),
        ("s3:GetObject", "arn:aws:s3:::b", False),
        ("s3:GetObject", "arn:aws:s3:::b/metaflow/Flow/data/??/abc", True),
        ("s3:GetObject", "arn:aws:s3:::b/metaflow.Flow/data/??/abc", False),
    ],
)
def test_patterns(action: Any, resource: Any, allowed: bool) -> None:
    assert allows([policy(action, resource)], "s3:GetObject", "arn:aws:s3:::b/metaflow/Flow/data/ab/abc") == allowed


def test_a_denial_wins() -> None:
    everything, denied = policy("*", "*"), policy("s3:*", "arn:aws:s3:::b/*", "Deny")
    assert allows([everything], "s3:GetObject", "arn:aws:s3:::b/x")
    assert not allows([everything, denied], "s3:GetObject", "arn:aws:s3:::b/x")
    assert not allows([], "s3:GetObject", "arn:aws:s3:::b/x")


@pytest.mark.parametrize(
    ("service", "operation", "names", "expected"),
    [
        ("s3", "HeadObject", {"Bucket": "b", "Key": "a/k"}, [("s3:GetObject", "arn:aws:s3:::b/a/k")]),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        (
            "dynamodb",
            "GetItem",
            {"TableName": "t"},
            [("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/t")],
        ),
        ("batch", "DescribeJobs", {"jobs": ["x"]}, [("batch:DescribeJobs", "*")]),
        (
            "batch",
            "SubmitJob",
            {"jobDefinition": "d:3", "jobQueue": "q", "jobName": "n"},
            [
                ("batch:SubmitJob", "arn:aws:batch:us-east-1:123456789012:job-definition/d:3"),
                ("batch:SubmitJob", "arn:aws:batch:us-east-1:123456789012:job-queue/q"),
            ],
        ),
        ("states", "StartExecution", {"stateMachineArn": "arn:m"}, [("states:StartExecution", "arn:m")]),
        ("iam", "GetRole", {"RoleName": "r"}, [("iam:GetRole", "arn:aws:iam::123456789012:role/r")]),
    ],
)
def test_what_a_call_needs(
    service: str, operation: str, names: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert needed({"service": service, "operation": operation, "resource": names}) == expected


def test_nothing_is_allowed_by_guess() -> None:
    with pytest.raises(LocalError, match="is not known"):
        needed({"service": "quantum", "operation": "Entangle", "resource": {}})
    with pytest.raises(LocalError, match="NotAction"):
        allows([{"Statement": {"Effect": "Allow", "NotAction": "x", "Resource": "*"}}], "s3:GetObject", "arn:x")
