"""What looks like a secret is refused wherever a user may put it, in words that do not repeat it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.components.confidential import secret_problems
from flowinfra.errors import FlowInfraError, Problems
from flowinfra.model.secrets import HIDDEN, looks_secret, secrets_in, shown
from flowinfra.stack.parsing import parse_flow, parse_stack
from flowinfra.targets import shape_of
from tests.unit.sources import STEPS, write_flow

FILE = "stacks/Pulumi.dev.yaml"
PLATFORM = {"bucket": "bkt", "queue": "jobs"}
VALUE = "hunter2-plain"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf"


NAMES = """
    password DB_PASSWORD dbPassword passphrase api_key apiKey API-KEY client_secret auth_token private_key
    aws_secret_access_key METAFLOW_SERVICE_AUTH_KEY PULUMI_CONFIG_PASSPHRASE
"""


@pytest.mark.parametrize("name", NAMES.split())
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name, VALUE)
    assert not looks_secret(name, "")
    assert not looks_secret(name, True)
    assert not looks_secret(name, ARN)


@pytest.mark.parametrize(
    "value",
    [
        ACCESS_KEY,
        f"key={ACCESS_KEY} x",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
        "ghp_" + "a1" * 18,
        "xoxb-1234567890-abc",
        "sk-proj-abcdefghijklmnopqrst",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3.x",
        "postgres://user:hunter2@db.example:5432/x",
        "password=hunter2",
        "api_key:hunter2",
    ],
)
def test_forms_of_secrets(value: str) -> None:
    assert looks_secret("note", value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 512),
        ("pad_token", "<pad>"),
        ("db_secret", "prod/database-login"),
        ("key", "customer_id"),
        ("sort_key", "created_at"),
        ("session_key", "customer_session"),
        ("credentials", "conf/creds.json"),
        ("secret_name", "database"),
        ("password_policy", "strict"),
        ("image", "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:2"),
        ("url", "https://user@host.example:8443/path"),
        ("tag", "team:ml"),
        ("url", "s3://bucket/key=1/x@2"),
        ("arn", "arn:aws:iam::123456789012:role/password"),
        ("digest", "0d8f8cbb2b6a4f5e9f3a"),
    ],
)
def test_what_is_none(name: str, value: Any) -> None:
    assert not looks_secret(name, value)


def test_vague_names_tell_with_a_random_value() -> None:
    assert looks_secret("token", "Zm9vYmFyMTIzNDU2Nzg5MA==")


def test_it_is_found_at_any_depth_and_in_json_text() -> None:
    value = {"a": [{"password": VALUE}], "b": '{"c": {"api_key": "x"}}', "d": {"password": None}}
    assert [path for path, _ in secrets_in(value)] == [("a", 0, "password"), ("b", "c", "api_key")]
    assert shown(value) == {"a": [{"password": HIDDEN}], "b": HIDDEN, "d": {"password": None}}


# configuration

IN_A_FLOW: list[tuple[dict[str, Any], str]] = [
    ({"env": {"DB_PASSWORD": VALUE}}, "env.DB_PASSWORD"),
    ({"settings": {"METAFLOW_SERVICE_AUTH_KEY": VALUE}}, "settings.METAFLOW_SERVICE_AUTH_KEY"),
    ({"configs": {"c": {"db": {"password": VALUE}}}}, "configs.c.db.password"),
    ({"parameters": {"api_key": VALUE}}, "parameters.api_key"),
    ({"parameters": {"options": f'{{"password": "{VALUE}"}}'}}, "parameters.options.password"),
    ({"steps": {"train": {"environment": {"API_KEY": VALUE}}}}, "steps.train.environment.API_KEY"),
    ({"tags": {"password": VALUE}}, "tags.password"),
    ({"tags": [f"password:{VALUE}"]}, "tags[0]"),
    ({"aws_tags": {"auth-token": VALUE}}, "aws_tags.auth-token"),
    ({"step_functions": {"batch_tags": {"secretKey": VALUE}}}, "step_functions.batch_tags.secretKey"),
    ({"job_policies": [f"password={VALUE}"]}, "job_policies[0]"),
    ({"with": [f"environment:password={ACCESS_KEY}"]}, "with[0]"),
    ({"deploy_time": {"password": VALUE}}, "deploy_time.password"),
]


@pytest.mark.parametrize(("keys", "place"), IN_A_FLOW, ids=[place for _, place in IN_A_FLOW])
def test_a_flows_keys(keys: dict[str, Any], place: str) -> None:
    with pytest.raises(Problems) as raised:
        parse_stack({"platform": PLATFORM, "flows": [{"flow": "a.py", **keys}]}, FILE)
    (message,) = map(str, raised.value.errors)
    assert message.startswith(f"{FILE}: flowinfra:flows[0].{place}: looks like a secret, and would be readable in what")
    assert VALUE not in message
    assert ACCESS_KEY not in message
    with pytest.raises(Problems, match="looks like a secret") as raised:
        parse_flow({"flow": "a.py", **keys}, "component")
    assert VALUE not in str(raised.value)


def test_a_value_of_the_wrong_kind_is_not_shown_either() -> None:
    with pytest.raises(Problems) as raised:
        parse_stack(
            {
                "platform": {**PLATFORM, "service_url": "https://user:hunter2@meta.example", "password": VALUE},
                "defaults": {"env": {"API_KEY": 4711}, "steps": [{"password": VALUE}]},
            },
            FILE,
        )
    told = str(raised.value)
    assert f"defaults.env.API_KEY: found '{HIDDEN}', allowed: string" in told
    assert "platform.service_url: looks like a secret" in told
    assert "platform.password: unknown key 'password'" in told
    assert "4711" not in told
    assert "hunter2" not in told


@pytest.mark.parametrize("value", [VALUE, ACCESS_KEY, "arn:aws:iam::123456789012:role/x", 4711])
def test_the_services_key_is_a_reference(value: Any) -> None:
    with pytest.raises(Problems) as raised:
        parse_stack({"platform": {**PLATFORM, "service_url": "https://m", "service_auth_secret": value}}, FILE)
    told = [str(error) for error in raised.value.errors]
    assert f"{FILE}: flowinfra:platform.service_auth_secret: found {HIDDEN}, allowed: the ARN of a secret" in told[-1]
    assert str(value) not in str(raised.value)


def test_references_are_taken() -> None:
    parameter = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/metaflow/key"
    for reference in (ARN, parameter):
        platform = {**PLATFORM, "service_url": "https://m", "service_auth_secret": reference}
        flow = {"flow": "a.py", "env": {"DB_PASSWORD": reference}, "configs": {"api_key": "conf/api_key.json"}}
        parse_stack({"platform": platform, "flows": [flow]}, FILE)


# what is compiled


@pytest.mark.parametrize(
    ("source", "options", "place"),
    [
        ({"body": f"    p = Parameter('api_key', default='{VALUE}'){STEPS}"}, {}, "parameters.api_key"),
        ({"body": f"    c = Config('c', default='c.json'){STEPS}"}, {}, "configs.c.password"),
        (
            {
                "head": "import os",
                "body": STEPS.replace("@step", "@environment(vars={'DB_PASSWORD': 'x'})\n    @step", 1),
            },
            {},
            "steps.start.environment.DB_PASSWORD",
        ),
        ({}, {"tags": (f"password:{VALUE}",)}, "tags.0"),
        ({}, {"decospecs": (f'environment:vars={{"API_KEY":"{VALUE}"}}',)}, "steps.start.environment.API_KEY"),
        ({}, {"settings": {"METAFLOW_API_KEY": VALUE}}, "settings.METAFLOW_API_KEY"),
    ],
    ids=["parameter", "config file", "environment", "tag", "with", "setting"],
)
def test_what_a_flow_compiles_to(
    source: dict[str, str], options: dict[str, Any], place: str, tmp_path: Path, cache: Path
) -> None:
    (tmp_path / "c.json").write_text(f'{{"password": "{VALUE}"}}')
    flow = write_flow(tmp_path, **source)
    with pytest.raises(FlowInfraError) as raised:
        compile_flow(CompileRequest(flow=flow, shape=shape_of("step-functions", options), folder="flow"))
    assert f"{flow}: {place}: looks like a secret" in str(raised.value)
    assert VALUE not in str(raised.value)
    kept = b"".join(path.read_bytes() for path in cache.rglob("*") if path.is_file())
    assert VALUE.encode() not in kept


def test_values_of_a_deployment() -> None:
    told = [str(problem) for problem in secret_problems("Flow", {"note": "x", "api_key": VALUE}, VALUE)]
    assert told[0].startswith("Flow: parameters.api_key: looks like a secret")
    assert told[1].startswith(f"Flow: service_auth_secret is {HIDDEN}, allowed: the ARN of a secret")
    assert VALUE not in "".join(told)
    assert list(secret_problems("Flow", {"note": "x"}, ARN)) == []
