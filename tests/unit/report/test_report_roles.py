from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.report.policies import beyond, grants
from tests.unit.report.previews import TRAIN, UNKNOWN, changed, flow_step, resource, risks, update

ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


def allow(action: Any, on: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": on, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def policy(old: str, new: str, op: str = "update", **more: Any) -> list[tuple[str, str]]:
    inputs = ({"role": "r", "policy": text} for text in (old, new))
    return risks(update({"package": "e"}), resource(op, POLICY, "TrainFlow-jobs-role-policy", *inputs, **more))


@pytest.mark.parametrize(
    ("old", "new", "wider"),
    [
        (allow("s3:GetObject"), allow("s3:GetObject"), False),
        (allow("s3:GetObject"), allow(["s3:GetObject", "s3:PutObject"]), True),
        (allow("s3:*"), allow("s3:GetObject"), False),
        (allow("s3:GetObject"), allow("s3:*"), True),
        (allow("S3:getobject"), allow("s3:GetObject"), False),
        (allow("s3:GetObject", "arn:a/*"), allow("s3:GetObject", "arn:a/b/*"), False),
        (allow("s3:GetObject", "arn:a/b/*"), allow("s3:GetObject", "arn:a/*"), True),
        (allow("s3:GetObject", "arn:a-??????"), allow("s3:GetObject", "arn:a-*"), True),
        (allow("s3:GetObject", "arn:a"), allow("s3:GetObject", "arn:A"), True),
        (allow("s3:GetObject"), allow("s3:GetObject", Condition={"a": "b"}), False),
        (allow("s3:GetObject", Condition={"a": "b"}), allow("s3:GetObject"), True),
        (allow("s3:GetObject", Condition={"a": "b"}), allow("s3:GetObject", Condition={"a": "c"}), True),
        (allow("s3:GetObject"), {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, True),
        ({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}, allow([], []), True),
        (allow("s3:GetObject"), {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}, False),
        (allow("sts:AssumeRole", Principal="*"), allow("sts:AssumeRole", Principal={"Service": "a"}), False),
    ],
)
def test_what_is_wider(old: dict[str, Any], new: dict[str, Any], wider: bool) -> None:
    before, after = (grants({"Statement": each}) for each in (old, new))
    assert before is not None
    assert after is not None
    assert bool(beyond(after, before)) is wider


@pytest.mark.parametrize("text", [UNKNOWN, "", "[1]", '{"Statement": ["x"]}', None])
def test_no_policy(text: Any) -> None:
    assert grants(text) is None


def test_widened_and_narrowed() -> None:
    old = document(allow("s3:GetObject", "arn:a"), allow("sqs:SendMessage", "arn:q"))
    new = document(allow(["s3:GetObject", "s3:DeleteObject"], "arn:a"))
    assert policy(old, new) == [
        ("role-widened", "role policy jobs-role-policy may do more: s3:DeleteObject on arn:a"),
        (
            "role-narrowed",
            "role policy jobs-role-policy may do less, for running executions too: sqs:SendMessage on arn:q",
        ),
    ]


def test_what_a_flow_gives_up_is_not_told_twice() -> None:
    base = changed(TRAIN, {"steps.a.secrets": ["db"]})
    old = document(allow("secretsmanager:GetSecretValue", "arn:db"))
    step = resource("update", POLICY, "p", {"role": "r", "policy": old}, {"role": "r", "policy": document()})
    assert [kind for kind, _ in risks(flow_step("update", base, TRAIN), step)] == ["secret-given-up"]


def test_order_of_statements_and_names_of_statements_are_nothing() -> None:
    one, other = allow("s3:GetObject", Sid="A"), allow("sqs:SendMessage")
    assert policy(document(one, other), document(other, allow("s3:GetObject", Sid="B"))) == []


def test_a_policy_that_is_not_known_yet() -> None:
    assert policy(document(), UNKNOWN) == [
        ("role-widened", "role policy jobs-role-policy changes to what is known only after up")
    ]


def test_role_that_is_made_in_the_same_preview_is_no_risk() -> None:
    made = resource("create", ROLE, "TrainFlow-events-role", None, {"name": "r"})
    rights = resource("create", POLICY, "p", None, {"role": "r", "policy": document(allow("*"))})
    attached = resource("create", ATTACHMENT, "a", None, {"role": "r", "policyArn": "arn:x"})
    assert risks(update({}), made, rights, attached) == []
    assert risks(update({}), rights, attached) == [
        ("role-widened", "role policy p is new on a role that is there already: * on *"),
        ("role-widened", "role's managed policy a gives the rights of another managed policy: arn:x"),
    ]


def test_role_itself() -> None:
    old = {
        "assumeRolePolicy": document(allow("sts:AssumeRole", Principal={"Service": "a"})),
        "permissionsBoundary": "arn:b",
    }
    both = {"Service": ["a", "b"]}
    new = {"assumeRolePolicy": document(allow("sts:AssumeRole", Principal=both)), "managedPolicyArns": ["arn:m"]}
    assert [line for _, line in risks(update({}), resource("update", ROLE, "TrainFlow-jobs-role", old, new))] == [
        "role jobs-role may be assumed by more: sts:AssumeRole on Service b",
        "role jobs-role: permissions boundary arn:b → none",
        "role jobs-role gives the rights of another managed policy: arn:m",
    ]


def test_many_rights_are_counted() -> None:
    new = document(*(allow(f"s3:A{index}", f"arn:{index:02}") for index in range(20)))
    ((_, line),) = policy(document(), new)
    assert line.endswith("; and on 16 more")
