from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

from flowinfra.local.plugin.cloud import Cloud, CloudError, explained, once_possible, partition
from flowinfra.local.plugin.settings import settings


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def test_aws_words_are_kept() -> None:
    with pytest.raises(CloudError) as raised, explained("creating a thing (x)"):
        raise refusal("AlreadyExists", "there is one")
    assert str(raised.value) == "creating a thing (x): AlreadyExists: there is one"
    assert raised.value.code == "AlreadyExists"
    assert raised.value.means_absent("AlreadyExists")
    assert not raised.value.means_absent()


def test_a_delete_waits_for_what_is_deleted_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    tries: list[int] = []

    def action() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise CloudError("has targets", "ValidationException")

    once_possible(action, code="ValidationException", message="has targets")
    assert len(tries) == 3


@pytest.mark.parametrize(("code", "message", "patience"), [("Other", "", 30.0), ("C", "else", 30.0), ("C", "", -1.0)])
def test_other_refusals_stand(code: str, message: str, patience: float) -> None:
    def action() -> None:
        raise CloudError("refused", "C")

    with pytest.raises(CloudError, match="refused"):
        once_possible(action, code=code, message=message, patience=patience)


def test_a_service_without_an_endpoint_is_not_called() -> None:
    known = settings({"endpoints": '[{"s3": "http://127.0.0.1:1"}]'}, {"AWS_REGION": "us-east-1"})
    assert known is not None
    scope = Cloud(known).within(None)
    assert scope.client("s3") is scope.client("s3")
    with pytest.raises(CloudError, match="no endpoint is set for the service batch"):
        scope.client("batch")


def test_partitions() -> None:
    assert [partition(region) for region in ("eu-west-1", "cn-north-1", "us-gov-west-1")] == [
        "aws",
        "aws-cn",
        "aws-us-gov",
    ]
