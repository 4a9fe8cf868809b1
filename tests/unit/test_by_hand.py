"""What Metaflow's own `step-functions create` was given is read back out of what it made."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.targets.step_functions.by_hand import (
    ByHand,
    offloaded,
    owner_and_token,
    read_back,
    rule_name,
)
from flowinfra.targets.task_command import NotMetaflowError
from tests.unit.constructs import FLOWS
from tests.unit.metaflow_create import IDENTITY, Account, account, create

PLAIN: dict[str, Any] = {
    "with": [],
    "tags": [],
    "namespace": None,
    "environment": "local",
    "branch": None,
    "production": False,
    "settings": {},
    "workflow_timeout": None,
}
OWN = {"compress": False, "batch_tags": {}}
CONFIGS = "values of Configs (inline, settings, table, words): if `create` was given some, write them into `configs`"

# flow, options of its command line, what is read back beside PLAIN, and what cannot be
CASES: list[tuple[str, list[str], dict[str, Any], list[str]]] = [
    ("linear", ["step-functions", "create"], {"step_functions": OWN}, []),
    (
        "parameters",
        [
            "--with",
            "retry:times=3",
            "step-functions",
            "create",
            "--tag",
            "nightly",
            "--tag",
            "team:risk",
            "--namespace",
            "user:ann",
            "--aws-batch-tag",
            "team=risk",
            "--workflow-timeout",
            "60",
        ],
        {
            "with": ["retry:times=3,minutes_between_retries=2"],
            "tags": ["nightly", "team:risk"],
            "namespace": "user:ann",
            "workflow_timeout": 60,
            "step_functions": {**OWN, "batch_tags": {"team": "risk"}},
        },
        [],
    ),
    (
        "nested_foreach",
        ["step-functions", "create", "--max-workers", "7"],
        {"max_workers": 7, "step_functions": {**OWN, "distributed_map": False}},
        [],
    ),
    (
        "foreach",
        ["step-functions", "create", "--use-distributed-map", "--compress-state-machine", "--tag", "a"],
        {"max_workers": 100, "tags": ["a"], "step_functions": {**OWN, "distributed_map": True, "compress": True}},
        [],
    ),
    (
        "project",
        ["--production", "--branch", "canary", "step-functions", "create"],
        {"production": True, "branch": "canary", "step_functions": OWN},
        [],
    ),
    ("project", ["--branch", "x", "step-functions", "create"], {"branch": "x", "step_functions": OWN}, []),
    ("config", ["step-functions", "create"], {"step_functions": OWN}, [CONFIGS]),
    ("batch", ["step-functions", "create"], {"step_functions": OWN}, []),
    ("catch", ["step-functions", "create"], {"step_functions": OWN}, []),
    (
        "linear",
        ["--event-logger", "debugLogger", "step-functions", "create"],
        {"settings": {"METAFLOW_DEFAULT_EVENT_LOGGER": "debugLogger"}, "step_functions": OWN},
        [],
    ),
]


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with account() as made:
        yield made


@pytest.mark.parametrize(("flow", "options", "expected", "unread"), CASES)
def test_options_are_read_back(
    flow: str, options: list[str], expected: dict[str, Any], unread: list[str], aws: Account, tmp_path: Path
) -> None:
    made = create(aws, FLOWS / flow / "flow.py", tmp_path, options, {})
    text = json.dumps(made.definition)
    place = offloaded(text)
    found = read_back(text, None if place is None else made.objects[place[1]].decode())
    assert found.options == {**PLAIN, **expected}
    assert list(found.unread) == unread
    assert (found.owner, found.token) == (IDENTITY["owner"], made.token) == owner_and_token(text)
    assert found.file == "flow.py"
    assert found.queues[0] in (IDENTITY["queue"], "gpu-queue")
    assert found.datastore == f"s3://{IDENTITY['bucket']}/{IDENTITY['prefix']}"
    assert set(found.jobs) == set(made.jobs)


def test_a_command_that_cannot_be_read_is_told(aws: Account, tmp_path: Path) -> None:
    made = create(
        aws, FLOWS / "linear" / "flow.py", tmp_path, ["step-functions", "create", "--compress-state-machine"], {}
    )
    found = read_back(json.dumps(made.definition))
    assert found.options == {"workflow_timeout": None, "step_functions": {**OWN, "compress": True}}
    assert found.file is None
    [told] = found.unread
    assert told.startswith("tags, namespace and decorators: the command of the start step is not readable in the obj")


@pytest.mark.parametrize(
    "definition",
    [
        "no JSON",
        "[]",
        "{}",
        '{"StartAt": "a", "States": {}}',
        '{"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}',
        '{"StartAt": "a", "States": {"a": {"Type": "Task", "Parameters": {"Parameters": "$.x"}}}}',
        '{"StartAt": ["a"], "States": {"a": {}}}',
        '{"StartAt": "a", "States": {"a": {"Parameters": {"Parameters": {"metaflow.owner": "x"}}}}}',
    ],
)
def test_another_state_machine_is_not_metaflows(definition: str) -> None:
    for read in (read_back, owner_and_token):
        with pytest.raises(NotMetaflowError):
            read(definition)


def test_a_definition_with_other_parts_is_read_as_far_as_it_goes() -> None:
    parameters = {"metaflow.flow_name": "F", "metaflow.owner": "ann", "metaflow.production_token": "f-0-abcd"}
    start = {"Type": "Task", "End": True, "Parameters": {"JobDefinition": "j", "Parameters": {**parameters}}}
    start["Parameters"]["Parameters"]["metaflow.step_name"] = "start"  # type: ignore[index]
    found = read_back(json.dumps({"StartAt": "start", "States": {"start": start}}))
    assert isinstance(found, ByHand)
    assert (found.flow, found.token, found.datastore, found.file) == ("F", "f-0-abcd", None, None)


def test_a_rule_has_metaflows_name() -> None:
    assert rule_name("Flow") == "Flow"
    assert rule_name("x" * 65) == f"{'x' * 47}-pddudxoeqlsm36ge"
