from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.local.plugin.policies import same_policy
from flowinfra.local.plugin.services.batch_jobs import same_container
from flowinfra.local.plugin.services.s3 import bucket_name
from flowinfra.plugin import checks
from flowinfra.plugin.checks import Check

STATE_MACHINE_NAME = checks.matches(r"^[0-9A-Za-z_-]+$", "the name should only contain 0-9, A-Z, a-z, - and _")
RULE = checks.restricted(r"^[0-9A-Za-z_.-]+$", 64)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (checks.length(1, 3), "abc"),
        (STATE_MACHINE_NAME, "My_Flow-1"),
        (RULE, "my.rule-1_"),
        (checks.one_of(["A", "B"]), "A"),
        (checks.one_of(["A"], ignore_case=True), "a"),
        (checks.between(1, 10), 10),
        (checks.at_least(60), 60),
        (checks.not_empty, "x"),
        (checks.arn, ""),
        (checks.arn, "arn:aws:iam::123456789012:role/x"),
        (checks.arn, "arn:aws-us-gov:states:us-gov-west-1:123456789012:stateMachine:x"),
        (checks.arn, "arn:aws:s3:::bucket"),
        (checks.is_json, "[1]"),
        (checks.policy(100), '{"Version":"2012-10-17"}'),
        (checks.policy(20), '{  "Version"  :   "a"  }'),
        (checks.is_base64, "aGk="),
        (bucket_name, "my-bucket.1"),
    ],
)
def test_right(check: Check, value: Any) -> None:
    assert list(check("name", value)) == []


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (checks.length(1, 3), "", "expected length of name to be in the range (1 - 3), got "),
        (checks.length(1, 3), "éé", "expected length of name to be in the range (1 - 3), got éé"),
        (
            STATE_MACHINE_NAME,
            "fraud.prod.Flow",
            "invalid value for name (the name should only contain 0-9, A-Z, a-z, - and _)",
        ),
        (RULE, "a b", '"name" doesn\'t comply with restrictions ("^[0-9A-Za-z_.-]+$"): "a b"'),
        (RULE, "r" * 65, f'"name" cannot be longer than 64 characters: "{"r" * 65}"'),
        (checks.one_of(["A", "B"]), "C", 'expected name to be one of ["A" "B"], got C'),
        (checks.between(1, 10), 11, "expected name to be in the range (1 - 10), got 11"),
        (checks.at_least(60), 59, "expected name to be at least (60), got 59"),
        (checks.not_empty, "", 'expected "name" to not be an empty string or zero value'),
        (checks.arn, "somebody", '"name" (somebody) is an invalid ARN: arn: invalid prefix'),
        (checks.arn, "arn:aws", '"name" (arn:aws) is an invalid ARN: arn: not enough sections'),
        (
            checks.arn,
            "arn:aws:iam::12:role/x",
            '"name" (arn:aws:iam::12:role/x) is an invalid ARN: invalid account ID value '
            r"(expecting to match regular expression: ^(aws|aws-managed|third-party|\d{12}|cw.{10})$)",
        ),
        (
            checks.is_json,
            "{",
            '"name" contains an invalid JSON: Expecting property name enclosed in double quotes: '
            "line 1 column 2 (char 1)",
        ),
        (checks.policy(), "", '"name" is an empty string, which is not a valid JSON value'),
        (
            checks.policy(),
            " {}",
            '"name" contains an invalid JSON policy: leading space characters are not allowed',
        ),
        (checks.policy(), "[]", '"name" contains an invalid JSON policy: contains a JSON array, not a JSON object'),
        (checks.policy(), '{"a":1,"a":2}', '"name" contains duplicate JSON keys: a'),
        (checks.policy(5), '{"a": 12}', "Cannot exceed quota for PolicySize: 5 (actual: 8)"),
        (checks.is_base64, "no!", '"name" must be base64-encoded'),
        (bucket_name, "My_Bucket", 'only lowercase alphanumeric characters and hyphens allowed in "name"'),
        (bucket_name, "192.168.0.1", '"name" must not be formatted as an IP address'),
    ],
)
def test_wrong(check: Check, value: Any, message: str) -> None:
    assert list(check("name", value)) == [message]


def statement(**fields: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **fields}]})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (statement(Action="a", Resource=["x", "y"]), statement(Resource=["y", "x"], Action=["a"]), True),
        (statement(Principal={"Service": ["s"]}), statement(Principal={"Service": "s"}), True),
        (statement(Action="a"), statement(Action="b"), False),
        (statement(Action="a"), statement(NotAction="a"), False),
        (statement(Action="a"), "not json", False),
    ],
)
def test_policies_that_mean_the_same(old: str, new: str, expected: bool) -> None:
    assert same_policy(old, new) is expected


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"vcpus": 1, "image": "i", "memory": 4}, True),
        ({"image": "i", "memory": 4, "vcpus": 1, "command": [], "volumes": [], "secrets": None}, True),
        ({"image": "i", "memory": 4, "vcpus": 1, "environment": [{"name": "A", "value": ""}]}, True),
        (
            {
                "image": "i",
                "memory": 4,
                "vcpus": 1,
                "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
                "logConfiguration": None,
                "linuxParameters": None,
            },
            True,
        ),
        ({"image": "i", "memory": 5, "vcpus": 1}, False),
        ({"image": "i", "memory": 4, "vcpus": 1, "environment": [{"name": "A", "value": "b"}]}, False),
        ({"image": "i", "memory": 4, "vcpus": 1, "command": ["x"]}, False),
    ],
)
def test_containers_that_mean_the_same(new: dict[str, Any], expected: bool) -> None:
    old = json.dumps({"image": "i", "memory": 4, "vcpus": 1})
    assert same_container(old, json.dumps(new)) is expected


def test_the_order_of_variables_means_nothing() -> None:
    one, two = {"name": "A", "value": "1"}, {"name": "B", "value": "2"}
    assert same_container(json.dumps({"environment": [one, two]}), json.dumps({"environment": [two, one]}))
