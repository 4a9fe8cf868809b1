"""Metaflow's settings of this machine, as `flowinfra init` reads them: never a credential."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowinfra.errors import ConfigError
from flowinfra.start.metaflow_settings import Platform, home_folder, profile_file, profiles, read_platform


def settings(folder: Path, file: str = "config.json", /, **values: object) -> Path:
    path = folder / file
    path.write_text(json.dumps({f"METAFLOW_{key}": value for key, value in values.items()}))
    return path


def test_what_a_stack_deploys_to(tmp_path: Path) -> None:
    file = settings(
        tmp_path,
        DEFAULT_DATASTORE="s3",
        DATASTORE_SYSROOT_S3="s3://acme-metaflow/teams/ml/",
        DATATOOLS_S3ROOT="s3://acme-metaflow/data",
        BATCH_JOB_QUEUE="arn:aws:batch:eu-west-1:123456789012:job-queue/metaflow",
        ECS_S3_ACCESS_IAM_ROLE="arn:aws:iam::123456789012:role/x",
        SFN_DYNAMO_DB_TABLE="steps",
        DEFAULT_METADATA="service",
        SERVICE_URL="https://outside.example/",
        SERVICE_INTERNAL_URL="http://inside.example/",
        KUBERNETES_NAMESPACE="flows",
        KUBERNETES_SERVICE_ACCOUNT="tasks",
    )
    assert read_platform(file) == Platform(
        bucket="acme-metaflow",
        prefix="teams/ml",
        queue="arn:aws:batch:eu-west-1:123456789012:job-queue/metaflow",
        table="steps",
        region="eu-west-1",
        service_url="http://inside.example/",
        namespace="flows",
        service_account="tasks",
    )
    assert read_platform(file).remarks == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Platform()),
        ({"DATASTORE_SYSROOT_S3": "s3://acme"}, Platform(bucket="acme")),
        ({"DATASTORE_SYSROOT_S3": None, "BATCH_JOB_QUEUE": ""}, Platform()),
        ({"BATCH_JOB_QUEUE": "jobs"}, Platform(queue="jobs")),
        # runs are recorded by the service only where Metaflow is told so
        ({"SERVICE_URL": "https://outside.example/"}, Platform()),
        ({"BATCH_CONTAINER_IMAGE": "acme/flows:3"}, Platform(image="acme/flows:3")),
        (
            {"DEFAULT_CONTAINER_IMAGE": "flows", "DEFAULT_CONTAINER_REGISTRY": "r.example/"},
            Platform(image="r.example/flows"),
        ),
        (
            {"BATCH_CONTAINER_IMAGE": "r.example/flows", "BATCH_CONTAINER_REGISTRY": "q.example"},
            Platform(image="r.example/flows"),
        ),
    ],
)
def test_what_is_not_there_is_not_made_up(values: dict[str, object], expected: Platform, tmp_path: Path) -> None:
    assert read_platform(settings(tmp_path, **values)) == expected


def test_credentials_are_named_and_not_read(tmp_path: Path) -> None:
    file = settings(tmp_path, SERVICE_AUTH_KEY="hush-1", SERVICE_HEADERS={"x": "hush-2"}, SLACK_WEBHOOK_TOKEN="hush-3")
    platform = read_platform(file)
    assert "hush" not in repr(platform)
    [words] = platform.remarks
    assert "METAFLOW_SERVICE_AUTH_KEY, METAFLOW_SERVICE_HEADERS, METAFLOW_SLACK_WEBHOOK_TOKEN: not read" in words
    assert "platform.service_auth_secret" in words


def test_what_is_not_taken_over_is_named(tmp_path: Path) -> None:
    platform = read_platform(settings(tmp_path, DEFAULT_DATASTORE="gs", DEFAULT_EVENT_LOGGER="x", SFN_IAM_ROLE="r"))
    datastore, others = platform.remarks
    assert "the datastore is 'gs'; give `platform.datastore` by hand" in datastore
    assert "not taken over: METAFLOW_DEFAULT_EVENT_LOGGER; " in others


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not JSON; mend it, or name another profile with --profile"),
        (b"\xff", "is not JSON"),
        (b"[1]", "holds no settings; it has to be one JSON object"),
        (b'{"METAFLOW_SERVICE_AUTH_KEY": "hush', "is not JSON"),
    ],
)
def test_a_file_that_cannot_be_read(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        read_platform(file)
    assert str(raised.value).startswith(f"{file}: {words}")
    assert "hush" not in str(raised.value)


def test_profiles(tmp_path: Path) -> None:
    for name in ("config.json", "config_prod.json", "config_a.b.json", "config_.json", "other.json"):
        settings(tmp_path, name)
    assert [*profiles(tmp_path)] == ["", "a.b", "prod"]
    assert profile_file(tmp_path, "prod", "--profile") == tmp_path / "config_prod.json"
    with pytest.raises(
        ConfigError, match=r"^METAFLOW_PROFILE: found 'prd', which is not a profile .* there are: a\.b, prod$"
    ):
        profile_file(tmp_path, "prd", "METAFLOW_PROFILE")
    assert profiles(tmp_path / "none") == {}


def test_where_they_are() -> None:
    assert home_folder({"METAFLOW_HOME": "/somewhere"}) == Path("/somewhere")
    assert home_folder({}) == Path.home() / ".metaflowconfig"
