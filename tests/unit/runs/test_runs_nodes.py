"""How far a workflow is, what failed and why, by what Argo's controller writes into it."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from flowinfra.operate.runs.nodes import failure, pod, status, steps
from tests.unit.runs.argo_nodes import node, retried, started, template, workflow

SPEC = template()["spec"]
ORDER = ["start", "fit_one", "join", "loop", "gang", "end"]


def seen(found: dict[str, Any]) -> dict[str, tuple[str, int, int, int]]:
    return {step.name: (step.state, step.done, step.total, step.attempts) for step in steps(found, SPEC)}


def test_steps_are_in_the_order_of_the_flow_and_a_loop_is_walked_once() -> None:
    assert [(step.name, step.state, step.total) for step in steps(workflow("Running"), SPEC)] == [
        (name, "waiting", 1) for name in ORDER
    ]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, "Argo's workflow controller has not begun with it"),
        # `workflow/controller/controller.go` of Argo, where the workflow's parallelism is at its limit
        (
            {"phase": "Pending", "message": "Workflow processing has been postponed because too many workflows"},
            "Workflow processing has been postponed because too many workflows",
        ),
    ],
)
def test_a_run_that_argo_has_not_begun_says_why(told: dict[str, Any], why: str) -> None:
    new = {"metadata": {"name": "trainflow-x1"}, "spec": {"workflowTemplateRef": {"name": "trainflow"}}}
    start, *others = steps({**new, "status": told} if told else new, SPEC)
    assert status(new) == "PENDING"
    assert (start.state, start.tasks[0].reason) == ("queued", why)
    assert {step.state for step in others} == {"waiting"}


def test_a_foreach_has_as_many_tasks_as_its_start_says_before_argo_makes_them() -> None:
    found = seen(workflow("Running", started(3), node(2, "fit-one", "Succeeded"), node(3, "fit-one", "Running")))
    assert found["start"] == ("succeeded", 1, 1, 1)
    assert found["fit_one"] == ("running", 1, 3, 1)


def test_a_task_that_is_tried_again_is_one_task() -> None:
    failed, running = node(3, "fit-one", "Failed", message="Error (exit code 1)"), node(4, "fit-one", "Running")
    hook = node(5, "error-msg-capture-hook", "Running")
    tried = retried(2, "fit-one", "Running", failed, running, hook)
    assert seen(workflow("Running", started(1), *tried))["fit_one"] == ("retrying", 0, 1, 2)
    between = retried(2, "fit-one", "Running", failed)
    assert seen(workflow("Running", started(1), *between))["fit_one"] == ("running", 0, 1, 1)
    over = retried(2, "fit-one", "Succeeded", failed, node(4, "fit-one", "Succeeded"))
    assert seen(workflow("Succeeded", started(1), *over))["fit_one"] == ("succeeded", 1, 1, 2)


def test_what_waits_says_why_and_what_is_left_out_is_no_task() -> None:
    waits = node(1, "start", "Pending", message="ImagePullBackOff: Back-off pulling image")
    (start, *_, end) = steps(workflow("Running", waits, node(2, "end", "Omitted", type="Skipped")), SPEC)
    assert (start.state, start.tasks[0].reason, start.started) == ("queued", waits["message"], None)
    assert (end.state, end.tasks) == ("waiting", ())


def test_the_step_that_failed_is_the_first_one_with_its_last_attempt() -> None:
    first = node(3, "fit-one", "Failed", message="Error (exit code 1)", outputs={"exitCode": "1"})
    last = node(4, "fit-one", "Failed", message="OOMKilled (exit code 137)", outputs={"exitCode": "137"})
    tried = retried(2, "fit-one", "Failed", first, last, message="No more retries left")
    later = node(9, "join", "Failed", message="workflow shutdown with strategy:  Terminate")
    hook = node(0, "error-msg-capture-hook", "Failed", message="a hook")
    found = failure(workflow("Failed", started(1), *tried, later, hook), SPEC)
    assert found is not None
    assert (found.step, found.reason, found.exit_code) == ("fit_one", "OOMKilled (exit code 137)", 137)
    assert found.task == found.log_stream == "trainflow-x1-fit-one-4"


def test_the_log_of_a_step_on_several_nodes_is_not_in_the_pod_that_argo_makes() -> None:
    found = failure(workflow("Failed", node(5, "gang", "Failed", message="JobSet failed")), SPEC)
    assert found is not None
    assert (found.step, found.task, found.log_stream) == ("gang", "trainflow-x1-gang-5", None)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (workflow("Error", message="invalid spec: templates.start"), "invalid spec: templates.start"),
        (workflow("Failed"), "Argo gives no reason"),
        (
            workflow("Failed", message="child 'x' failed", nodes=None, offloadNodeStatusVersion="fnv:1"),
            "child 'x' failed (Argo keeps the steps in a database of its own: `argo get` shows them)",
        ),
    ],
)
def test_a_run_that_failed_without_a_step(found: dict[str, Any], reason: str) -> None:
    told = failure(found, SPEC)
    assert told is not None
    assert (told.step, told.task, told.reason) == (None, None, reason)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            'main: Error (exit code 1): g/__init__.py", line 27, in wrapper_func\n'
            '2026-11-30T01:30:24.603655000Z     raise ValueError("told to fail")\n'
            "2026-11-30T01:30:24.603663000Z ValueError: told to fail\n"
            "2026-11-30T01:30:28.551425000Z [save_logs] upload_start datastore=s3\n"
            "2026-11-30T01:30:30.337511000Z Error: exit status 1\n",
            "Error (exit code 1): ValueError: told to fail",
        ),
        ("Error (exit code 2): no exception\nat all", "Error (exit code 2)"),
        ("Pod was rejected: a\nof b", "Pod was rejected: a"),
    ],
)
def test_of_the_log_in_a_message_the_exception_is_told(message: str, reason: str) -> None:
    """The first is a message of Argo 4.1, shortened."""
    found = failure(workflow("Failed", node(1, "start", "Failed", message=message)), SPEC)
    assert found is not None
    assert found.reason == reason


def test_a_run_that_runs_or_succeeded_has_not_failed() -> None:
    for phase in ("Pending", "Running", "Succeeded"):
        assert failure(workflow(phase, node(1, "start", "Failed")), SPEC) is None


def test_a_large_workflow_is_compressed() -> None:
    """As Argo's `util/file.CompressEncodeString` does it."""
    found = workflow("Running", started(2), node(2, "fit-one", "Running"))
    plain = seen(found)
    nodes = found["status"].pop("nodes")
    found["status"]["compressedNodes"] = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    assert seen(found) == plain


def test_names_of_pods_are_those_of_argo() -> None:
    """Expected values by `GeneratePodName` of Argo's `workflow/util/pod_name.go`."""
    found, start = workflow("Running"), node(2818004451, "start", "Failed")
    assert pod(found, start) == "trainflow-x1-start-2818004451"
    long = node(2818004451, "s" * 300, "Failed")
    assert pod(found, long) == f"trainflow-x1-{'s' * 229}-2818004451"
    found["metadata"]["annotations"]["workflows.argoproj.io/pod-name-format"] = "v1"
    assert pod(found, start) == "trainflow-x1-2818004451"
