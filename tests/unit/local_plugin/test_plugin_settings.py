from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.local.plugin import settings
from flowinfra.plugin.wire import UNKNOWN

URL = "http://127.0.0.1:4577"
ENVIRONMENT = {"AWS_ENDPOINT_URL": URL, "AWS_REGION": "us-east-1"}


def reasons(config: dict[str, Any], environment: dict[str, str]) -> list[str]:
    return [problem.reason for problem in settings.problems(config, environment)]


@pytest.mark.parametrize(
    "url",
    [URL, "http://localhost:80", "https://localhost/", "http://127.8.9.10", "http://[::1]:4577", "HTTP://LOCALHOST"],
)
def test_loopback(url: str) -> None:
    assert settings.is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://states.us-east-1.amazonaws.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com/",
        "http://example.com#127.0.0.1",
        "http://0.0.0.0:4577",
        "http://192.168.1.1",
        "http://[2001:db8::1]",
        "ftp://127.0.0.1",
        "127.0.0.1:4577",
        "http://[127.0.0.1",
        "http://",
        "",
    ],
)
def test_not_loopback(url: str) -> None:
    assert not settings.is_loopback(url)


@pytest.mark.parametrize(
    ("config", "environment", "reason"),
    [
        ({}, {"AWS_REGION": "us-east-1"}, "no endpoint is set"),
        ({}, {**ENVIRONMENT, "AWS_ENDPOINT_URL": "https://aws.example.com"}, "the endpoint is 'https://aws"),
        ({}, {**ENVIRONMENT, "AWS_ENDPOINT_URL_S3": "https://s3.example.com"}, "the endpoint of s3 is 'https://s3"),
        (
            {"endpoints": json.dumps([{"sfn": "https://states.example.com"}])},
            ENVIRONMENT,
            "the endpoint of stepfunctions is 'https://states.example.com'",
        ),
        ({}, {"AWS_ENDPOINT_URL": URL}, "Missing region information"),
        ({"region": "mars"}, ENVIRONMENT, "invalid AWS Region: mars"),
        ({"assumeRoles": "[]"}, ENVIRONMENT, "roles of another account cannot be assumed"),
        ({"regoin": "us-east-1"}, ENVIRONMENT, "unknown configuration key aws:regoin"),
    ],
)
def test_refused(config: dict[str, Any], environment: dict[str, str], reason: str) -> None:
    [found] = reasons(config, environment)
    assert reason in found


def test_the_refusal_says_what_this_is_and_what_to_do() -> None:
    [found] = reasons({}, {"AWS_REGION": "us-east-1"})
    assert "the local aws plugin speaks only to the embedded AWS" in found
    assert "flowinfra local exec" in found


def test_one_endpoint_for_all_services() -> None:
    assert reasons({}, ENVIRONMENT) == []
    found = settings.settings({}, ENVIRONMENT)
    assert found is not None
    assert found.region == "us-east-1"
    assert found.endpoint("s3") == found.endpoint("batch") == URL


def test_endpoints_of_the_configuration() -> None:
    config = {
        "region": "eu-central-1",
        "endpoints": json.dumps([{"sfn": URL, "cloudwatchevents": URL}]),
        "skipCredentialsValidation": "true",
    }
    assert reasons(config, {}) == []
    found = settings.settings(config, {})
    assert found is not None
    assert found.region == "eu-central-1"
    assert found.endpoint("stepfunctions") == found.endpoint("events") == URL
    assert found.endpoint("s3") is None


def test_what_a_preview_cannot_know_is_not_refused() -> None:
    assert reasons({"endpoints": UNKNOWN}, {"AWS_REGION": "us-east-1"}) == []
    assert settings.settings({"endpoints": UNKNOWN}, ENVIRONMENT) is None
    assert settings.settings({"region": UNKNOWN}, ENVIRONMENT) is None


def test_tags() -> None:
    config = {
        "defaultTags": json.dumps({"tags": {"owner": "ml", "team": "a"}}),
        "ignoreTags": json.dumps({"keys": ["theirs"], "keyPrefixes": ["k8s/"]}),
    }
    found = settings.settings(config, ENVIRONMENT)
    assert found is not None
    assert found.tags_all({"team": "b", "theirs": "x"}) == {"owner": "ml", "team": "b"}
    assert found.tags_all({"team": UNKNOWN}) is UNKNOWN
    assert found.own_tags({"owner": "ml", "team": "b"}) == {"team": "b"}
    assert found.ignores("k8s/x")
    assert found.ignores("aws:cloudformation:stack-id")
    assert not found.ignores("team")
