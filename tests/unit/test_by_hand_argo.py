"""What Metaflow's own `argo-workflows create` was given is read back out of what it made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.targets.argo.by_hand import ByHand, is_usual, read_back, usual_name
from flowinfra.targets.task_command import NotMetaflowError
from tests.unit.constructs import FLOWS
from tests.unit.metaflow_create import Account, account
from tests.unit.metaflow_create_argo import IDENTITY, ApiServer, api_server, create

OWN = {
    "workflow_priority": None,
    "workflow_title": None,
    "emit_events": True,
    "capture_errors": True,
    "heartbeat": False,
}
PLAIN: dict[str, Any] = {
    "with": [],
    "tags": [],
    "namespace": None,
    "environment": "local",
    "branch": None,
    "production": False,
    "settings": {},
    "workflow_timeout": None,
    "max_workers": 100,
    "argo": OWN,
}
CONFIGS = "values of Configs (inline, settings, table, words): if `create` was given some, write them into `configs`"
SLACK = (
    "notifications on error (slack): the template has their addresses as text; keep them in a Secret, and name it "
    "under `argo` (`notify_on_error: true`, `notify_…: NAME/KEY`)"
)

# flow, options of its command line, what is read back beside PLAIN, and what cannot be
CASES: list[tuple[str, list[str], dict[str, Any], list[str]]] = [
    ("linear", ["argo-workflows", "create"], {}, []),
    (
        "parameters",
        [
            "--with=retry:times=3",
            "argo-workflows",
            "create",
            "--tag=nightly",
            "--tag=team:risk",
            "--namespace=user:ann",
            "--workflow-timeout=60",
            "--workflow-priority=3",
            "--workflow-title=The title",
            "--max-workers=7",
            "--no-auto-emit-argo-events",
            "--no-enable-error-msg-capture",
            "--enable-heartbeat-daemon",
        ],
        {
            "with": ["retry:times=3,minutes_between_retries=2"],
            "tags": ["nightly", "team:risk"],
            "namespace": "user:ann",
            "workflow_timeout": 60,
            "max_workers": 7,
            "argo": {
                "workflow_priority": 3,
                "workflow_title": "The title",
                "emit_events": False,
                "capture_errors": False,
                "heartbeat": True,
            },
        },
        [],
    ),
    (
        "linear",
        ["argo-workflows", "create", "--notify-on-error", "--notify-slack-webhook-url=https://secret.example"],
        {},
        [SLACK],
    ),
    (
        "project",
        ["--production", "--branch", "canary", "argo-workflows", "create"],
        {"production": True, "branch": "canary"},
        [],
    ),
    ("config", ["argo-workflows", "create"], {}, [CONFIGS]),
    ("nested_foreach", ["argo-workflows", "create"], {}, []),
    ("parallel", ["argo-workflows", "create"], {}, []),
    ("exit_hook", ["argo-workflows", "create"], {}, []),
]


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with account() as made:
        yield made


@pytest.fixture(scope="module")
def cluster() -> Iterator[ApiServer]:
    with api_server() as made:
        yield made


@pytest.mark.parametrize(("flow", "options", "expected", "unread"), CASES)
def test_options_are_read_back(
    flow: str,
    options: list[str],
    expected: dict[str, Any],
    unread: list[str],
    aws: Account,
    cluster: ApiServer,
    tmp_path: Path,
) -> None:
    create(aws, cluster, FLOWS / flow / "flow.py", tmp_path, options, {})
    template = cluster.created["workflowtemplates"]
    found = read_back(template)
    assert (found.owner, found.file) == (IDENTITY["owner"], "flow.py")
    assert found.token == template["metadata"]["annotations"]["metaflow/production_token"]
    assert found.options == {**PLAIN, **expected}
    assert list(found.unread) == unread
    assert "secret.example" not in repr(found)
    assert found.datastore == f"s3://{IDENTITY['bucket']}/{IDENTITY['prefix']}"
    assert found.service_accounts == (IDENTITY["service-account"],)
    assert found.images
    assert is_usual(template["metadata"]["name"], found)


def test_a_long_name_of_a_project_is_known_by_its_end(aws: Account, cluster: ApiServer, tmp_path: Path) -> None:
    branch = "a_branch_with_quite_a_long_name_in_it"
    create(aws, cluster, FLOWS / "project" / "flow.py", tmp_path, ["--branch", branch, "argo-workflows", "create"], {})
    template = cluster.created["workflowtemplates"]
    found = read_back(template)
    assert is_usual(template["metadata"]["name"], found)
    assert not is_usual("frauddetection.test.another.projectflow", found)
    assert usual_name(found).startswith("…-")


@pytest.mark.parametrize(
    "template",
    [
        {"metadata": {"name": "a"}, "spec": {}},
        {"metadata": {"name": "a", "annotations": {"metaflow/flow_name": "A"}}, "spec": {"templates": []}},
    ],
)
def test_what_metaflow_did_not_make(template: dict[str, Any]) -> None:
    with pytest.raises(NotMetaflowError):
        read_back(template)


def test_usual_names() -> None:
    assert usual_name(ByHand("Train_Flow", "ann", "t", None, None)) == "trainflow"
    assert usual_name(ByHand("F", "ann", "t", None, "fraud_detection.test.x-.F")) == "frauddetection.test.x.f"
