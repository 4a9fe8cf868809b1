"""Commands beside Pulumi reach the stack's own account, by the stack's configuration, or refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws

from flowinfra.cli import main
from flowinfra.clouds.aws import Access, accounts_of, caller_account, refuse_foreign_buckets, refuse_other_account
from flowinfra.errors import ConfigError, ToolError

HERE, ELSEWHERE = "123456789012", "210987654321"
ROLE = {"roleArn": f"arn:aws:iam::{ELSEWHERE}:role/deploy"}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    profiles = tmp_path / "config"
    profiles.write_text("[profile team]\nregion = eu-west-3\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profiles))
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


def test_the_stacks_profile_and_region_count() -> None:
    session = Access.of({"aws:profile": "team", "aws:region": "us-east-1"}).session()
    assert (session.profile_name, session.region_name) == ("team", "us-east-1")
    assert Access.of({"aws:profile": "team"}).session().region_name == "eu-west-3"
    assert Access.of({"aws:profile": "team"}).session("us-west-2").region_name == "us-west-2"


@pytest.mark.parametrize("value", [[ROLE], json.dumps([ROLE])])
def test_roles_are_taken_on(value: Any) -> None:
    session = Access.of({"aws:region": "us-east-1", "aws:assumeRoles": value}).session()
    assert caller_account(session) == ELSEWHERE
    assert caller_account(Access.of({"aws:region": "us-east-1", "aws:assumeRole": ROLE}).session()) == ELSEWHERE


def test_what_cannot_be_reached_is_told() -> None:
    with pytest.raises(ToolError, match="nobody"):
        Access.of({"aws:profile": "nobody"}).session()
    with pytest.raises(ConfigError, match="assumeRoles"):
        Access.of({"aws:assumeRoles": ["arn:x"]})


def test_another_accounts_credentials_are_refused() -> None:
    session = boto3.Session(region_name="us-east-1")
    refuse_other_account(session, [], "the stack")
    refuse_other_account(session, [HERE], "the stack")
    with pytest.raises(ToolError, match=f"is in the AWS account {ELSEWHERE}.*are of {HERE}: nothing was done"):
        refuse_other_account(session, [ELSEWHERE], "the stack")


def test_a_bucket_of_another_account_is_refused_where_no_account_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session(region_name="us-east-1")
    session.client("s3").create_bucket(Bucket="ours")
    refuse_foreign_buckets(session, ["ours", "missing"], "the stack")
    monkeypatch.setattr("flowinfra.clouds.aws.caller_account", lambda _session: ELSEWHERE)

    asked: list[dict[str, Any]] = []

    def owner(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)

    client = session.client("s3")
    client.meta.events.register("provide-client-params.s3.HeadBucket", owner)
    monkeypatch.setattr(session, "client", lambda *_args, **_more: client)
    refuse_foreign_buckets(session, ["ours"], "the stack")
    assert asked[-1] == {"Bucket": "ours", "ExpectedBucketOwner": ELSEWHERE}


def test_accounts_of_a_state() -> None:
    resources = [
        {"id": f"arn:aws:states:us-east-1:{HERE}:stateMachine:a"},
        {"id": f"arn:aws:batch:us-east-1:{ELSEWHERE}:job-definition/a:1"},
        {"id": "arn:aws:iam::111111111111:role/x"},
        {"id": "bucket"},
        {},
    ]
    assert accounts_of(resources) == {HERE, ELSEWHERE}


def test_gc_refuses_another_accounts_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    platform = f"{{bucket: ours, queue: q, account: '{ELSEWHERE}'}}"
    (tmp_path / "Pulumi.prod.yaml").write_text(f"config: {{aws:region: us-east-1, flowinfra:platform: {platform}}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(main, ["gc", "prod", "--yes"])
    assert done.exit_code == 1
    assert f"is in the AWS account {ELSEWHERE}" in done.output
