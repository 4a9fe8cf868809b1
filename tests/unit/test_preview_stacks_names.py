"""Names and configuration of preview stacks: distinct, short, and with nothing of the other stack's that is its own."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from flowinfra.errors import ConfigError
from flowinfra.operate.preview_stacks.names import Preview, mark_of, settings
from flowinfra.stack.parsing import check_stack
from flowinfra.stack.platform import PlatformConfig

PLATFORM = PlatformConfig(bucket="bkt", queue="jobs")


@pytest.mark.parametrize("name", ["pr-42", "42-fix", "a-b-c-d"])
def test_a_plain_name_is_taken_as_it_is(name: str) -> None:
    assert Preview(name).stack == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("feature/Faster Training", "feature-faster-t"),
        ("dependabot/pip/numpy-2.0.1", "dependabot-pip-n"),
        ("fix", "fix"),  # a Python name: Metaflow leaves a prefix out with which a flow's name begins
        ("PR-42", "pr-42"),
        ("pr-42-", "pr-42"),
        ("pr--42", "pr-42"),
        ("機能", "preview"),
        ("../../etc", "etc"),
        ("`@team` <b>", "team-b"),
        ("a" * 255, "a" * 16),
    ],
)
def test_any_other_name_is_its_beginning_and_a_digest(name: str, words: str) -> None:
    stack = Preview(name).stack
    assert re.fullmatch(re.escape(words) + "-[0-9a-f]{6}", stack)
    assert len(stack) <= 24


def test_names_that_read_alike_are_apart() -> None:
    names = [
        "feature/a",
        "feature-a",
        "feature_a",
        "Feature/a",
        "feature/a ",
        "feature//a",
        f"{'x' * 200}1",
        f"{'x' * 200}2",
    ]
    assert len({Preview(name).stack for name in names}) == len(names)
    assert len({Preview(name).branch for name in names}) == len(names)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[31mb", "\u202eb", "x" * 256])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ConfigError, match="is not the name of a preview stack, allowed: 1 to 255 printable characters"):
        Preview(name)


def test_its_branch_is_one_that_metaflow_takes() -> None:
    assert Preview("feature/Über-#42").branch == Preview("feature/Über-#42").stack.replace("-", "_")
    assert re.fullmatch("[a-z0-9_]+", Preview("feature/Über-#42").branch)


def test_its_configuration() -> None:
    source = {
        "encryptionsalt": "v1:salt",
        "config": {
            "aws:region": "eu-west-1",
            "aws:token": {"secure": "v1:cipher"},
            "flowinfra:platform": {"bucket": "bkt", "queue": "jobs"},
            "flowinfra:name_prefix": "dev",
            "flowinfra:defaults": {"tags": ["team:ml"]},
            "flowinfra:flows": [{"flow": "train.py"}],
        },
    }
    made = settings(Preview("pr-42"), "dev", source, PLATFORM)
    assert made == {
        "encryptionsalt": "v1:salt",
        "config": {
            "aws:region": "eu-west-1",
            "aws:token": {"secure": "v1:cipher"},
            "flowinfra:preview": {
                "name": "pr-42",
                "of": "dev",
                "branch": "pr_42",
                "datastore": "s3://bkt/metaflow/previews/pr-42",
            },
            "flowinfra:mirrors": "dev",
            "flowinfra:platform": {"bucket": "bkt", "queue": "jobs", "prefix": "metaflow/previews/pr-42"},
            "flowinfra:name_prefix": "dev-pr-42",
            "flowinfra:defaults": {
                "step_functions": {"name_prefix": "dev-pr-42", "alerts": {"on": []}},
                "schedule": {"enabled": False},
                "triggers": {"enabled": False},
            },
        },
    }
    own = {key.partition(":")[2]: value for key, value in made["config"].items() if key.startswith("flowinfra:")}
    assert check_stack(own, "Pulumi.pr-42.yaml").preview is not None


def test_secrets_that_only_the_other_stack_can_read_are_refused() -> None:
    source = {"config": {"aws:token": {"secure": "cipher"}, "app:keys": [{"a": {"secure": "cipher"}}]}}
    with pytest.raises(
        ConfigError, match="aws:token, app:keys of stack 'dev' are secrets that only that stack can read"
    ):
        settings(Preview("pr-42"), "dev", source, PLATFORM)


def recorded(**mark: Any) -> dict[str, Any]:
    return {"flowinfra:preview": {"value": json.dumps(mark)}, "aws:region": {"value": "eu-west-1"}}


def test_the_mark_of_a_deployed_stack() -> None:
    mark = mark_of(recorded(name="pr-42", datastore="s3://b/m/previews/pr-42"), Preview("pr-42"))
    assert (mark.datastore, mark.access.region) == ("s3://b/m/previews/pr-42", "eu-west-1")


def test_a_stack_without_the_mark_or_with_another_ones_is_not_touched() -> None:
    with pytest.raises(ConfigError, match="'pr-42' is not a preview stack"):
        mark_of({"flowinfra:platform": {"value": "{}"}}, Preview("pr-42"))
    with pytest.raises(ConfigError, match="'pr-42' is the preview stack of 'PR/42', not of 'pr-42'"):
        mark_of(recorded(name="PR/42"), Preview("pr-42"))
