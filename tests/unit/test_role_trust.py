"""A role that the platform brings for schedules and triggers: whether what starts flows may take it on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flowinfra.errors import ConfigError, ToolError
from flowinfra.targets.step_functions import role_trust
from flowinfra.targets.step_functions.role_trust import EVENTS, SCHEDULER, look_at_role, trusts


def statement(principal: Any, effect: str = "Allow", action: Any = "sts:AssumeRole") -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action}


@pytest.mark.parametrize(
    ("statements", "trusted"),
    [
        (statement({"Service": SCHEDULER}), True),
        ([statement({"Service": EVENTS}), statement({"Service": [EVENTS, SCHEDULER]})], True),
        ([statement({"Service": SCHEDULER}, action=["sts:TagSession", "STS:assumeRole"])], True),
        ([statement({"Service": SCHEDULER}, action="sts:TagSession")], False),
        ([statement({"Service": SCHEDULER}, effect="Deny")], False),
        ([statement({"Service": EVENTS}), statement({"AWS": "*"}), statement("*")], False),
        ([], False),
    ],
)
def test_who_may_take_a_role_on(statements: Any, trusted: bool) -> None:
    assert trusts({"Version": "2012-10-17", "Statement": statements}, SCHEDULER) == trusted


@pytest.fixture
def roles(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("iam", region_name="us-east-1")


def reach(roles: Any, preview: bool = True) -> Any:
    return SimpleNamespace(account=SimpleNamespace(roles=roles), preview=preview)


def made(roles: Any, *services: str) -> str:
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement({"Service": list(services)})]})
    return str(roles.create_role(RoleName="starts", Path="/ml/", AssumeRolePolicyDocument=document)["Role"]["Arn"])


def test_a_role_that_the_service_may_not_take_on_is_refused(roles: Any) -> None:
    arn = made(roles, EVENTS)
    look_at_role("Flow", reach(roles), arn, EVENTS)
    with pytest.raises(ConfigError) as raised:
        look_at_role("Flow", reach(roles), arn, SCHEDULER)
    assert str(raised.value).startswith(
        f"Flow: the platform's events_role {arn} cannot start it: its trust policy does not let {SCHEDULER} take "
        f'it on. Add {{"Effect": "Allow", "Principal": {{"Service": "{SCHEDULER}"}}'
    )


@pytest.mark.parametrize("preview", [True, False])
def test_what_cannot_be_asked_is_a_warning_of_the_preview(
    roles: Any, preview: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(role_trust, "warn_once", told.append)
    arn = "arn:aws:iam::123456789012:role/other"
    look_at_role("Flow", reach(roles, preview), arn, EVENTS)
    assert [f"whether {EVENTS} may take on the platform's events_role {arn} is not known" in each for each in told] == [
        True
    ] * preview


def test_an_account_that_is_not_reached_is_a_warning_of_the_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreached:
        preview = True

        @property
        def account(self) -> Any:
            raise ToolError("no credentials")

    told: list[str] = []
    monkeypatch.setattr(role_trust, "warn_once", told.append)
    unreached: Any = Unreached()
    look_at_role("Flow", unreached, "arn:aws:iam::123456789012:role/other", EVENTS)
    assert told[0].endswith("is not known: no credentials")
