from __future__ import annotations

import io
import json
from typing import Any

import pytest

from flowinfra.local import calls, gate
from flowinfra.local.identity import Caller, access_key, caller

SIGNED = "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=x"


def environ(service: str, method: str = "POST", path: str = "/", body: bytes = b"", **rest: str) -> dict[str, Any]:
    return {
        "HTTP_AUTHORIZATION": SIGNED.format(key=access_key("job", "arn:aws:iam::1:role/p/a,b"), service=service),
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **rest,
    }


@pytest.mark.parametrize(
    ("kind", "role", "expected"),
    [
        ("job", "arn:aws:iam::1:role/path/some,role=x@y", Caller("job", "some,role=x@y")),
        ("states", "arn:aws:iam::1:role/a.b", Caller("states", "a.b")),
        ("job", None, Caller("job", "instance")),
    ],
)
def test_access_keys_name_their_role(kind: Any, role: str | None, expected: Caller) -> None:
    key = access_key(kind, role)
    assert "," not in key
    assert "/" not in key
    assert caller(key) == expected


def test_any_other_key_is_a_users() -> None:
    assert caller("AKIAEXAMPLE") == Caller("user", "AKIAEXAMPLE")


def test_json_calls() -> None:
    body = json.dumps({"TableName": "t", "Item": {"secret": {"S": "hidden"}}}).encode()
    request = environ("dynamodb", body=body, HTTP_X_AMZ_TARGET="DynamoDB_20120810.PutItem")
    found = calls.describe(request)
    assert found is not None
    assert (found["operation"], found["resource"], found["role"]) == ("PutItem", {"TableName": "t"}, "a,b")
    assert request["wsgi.input"].read() == body


def test_form_calls() -> None:
    request = environ(
        "iam",
        body=b"Action=CreateRole&RoleName=r&AssumeRolePolicyDocument=hidden",
        CONTENT_TYPE="application/x-www-form-urlencoded; charset=utf-8",
    )
    found = calls.describe(request)
    assert found is not None
    assert (found["operation"], found["resource"]) == ("CreateRole", {"RoleName": "r"})


def test_batch_calls() -> None:
    found = calls.describe(environ("batch", path="/v1/submitjob", body=b'{"jobName": "j", "parameters": {"a": "b"}}'))
    assert found is not None
    assert (found["operation"], found["resource"]) == ("SubmitJob", {"jobName": "j"})


def test_unsigned_requests_are_not_logged() -> None:
    assert calls.describe({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}) is None


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation", "labels"),
    [
        ("PUT", "/bucket/a/b%20c", (), (), "PutObject", {"Bucket": "bucket", "Key": "a/b c"}),
        ("PUT", "/bucket/key", (), ("x-amz-copy-source",), "CopyObject", {"Bucket": "bucket", "Key": "key"}),
        ("PUT", "/bucket/key", ("partNumber", "uploadId"), (), "UploadPart", {"Bucket": "bucket", "Key": "key"}),
        ("GET", "/bucket/key", ("tagging",), (), "GetObjectTagging", {"Bucket": "bucket", "Key": "key"}),
        ("GET", "/bucket/key", (), (), "GetObject", {"Bucket": "bucket", "Key": "key"}),
        ("HEAD", "/bucket/key", (), (), "HeadObject", {"Bucket": "bucket", "Key": "key"}),
        ("GET", "/bucket", ("list-type", "prefix"), (), "ListObjectsV2", {"Bucket": "bucket"}),
        ("GET", "/", (), (), "ListBuckets", {}),
    ],
)
def test_s3_operations(
    method: str, path: str, query: tuple[str, ...], headers: tuple[str, ...], operation: str, labels: dict[str, str]
) -> None:
    found = calls.match_operation("s3", method, path, frozenset(query), frozenset(headers))
    assert found == (operation, labels)


def test_an_unknown_service() -> None:
    assert calls.match_operation("nothing", "GET", "/", frozenset(), frozenset()) == ("", {})


@pytest.mark.parametrize("host", ["127.0.0.1:4577", "localhost:4577", "bucket.localhost:4577", "[::1]:1", "localhost"])
def test_loopback_hosts_pass(host: str) -> None:
    assert gate.refusal({"HTTP_HOST": host}) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "169.254.169.254", "localhost.evil.example", ""]
)
def test_other_hosts_are_refused(host: str) -> None:
    assert gate.refusal({"HTTP_HOST": host})


@pytest.mark.parametrize("header", ["HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE"])
def test_browsers_are_refused(header: str) -> None:
    refusal = gate.refusal({"HTTP_HOST": "127.0.0.1:4577", header: "null"})
    assert refusal is not None
    assert "browsers" in refusal
