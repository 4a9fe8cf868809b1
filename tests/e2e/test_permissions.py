"""`flowinfra permissions`: what deploys, previews, laptops and destroys call is what the printed policies allow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flowinfra.local import authorization, calls
from tests.e2e.support import Cloud, Person, Project

TOPIC = "arn:aws:sns:us-east-1:123456789012:flows"
LOGGED = {"step_functions": {"log_history": True, "alerts": {"topic": TOPIC}}}
ON_START = {"sts:GetCallerIdentity"}
"""What everybody may: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html."""
REAL_ONLY = {
    "states:ListStateMachineVersions": "internal/service/sfn/state_machine.go",
    "states:ValidateStateMachineDefinition": "internal/service/sfn/state_machine.go",
    "iam:ListInstanceProfilesForRole": "internal/service/iam/role.go",
    "logs:ListTagsForResource": "internal/service/logs/group.go",
    "batch:ListTagsForResource": "internal/service/batch/job_definition.go",
    # of the rules that stacks had before their schedules were EventBridge Scheduler's
    "events:DescribeRule": "internal/service/events/rule.go",
    "events:ListTagsForResource": "internal/service/events/rule.go",
    "events:ListTargetsByRule": "internal/service/events/target.go",
    "s3:ListBucket": "https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: 404 of what is gone",
}
"""Actions of `--for preview` that the local provider does not call, with the real one's source."""


@contextmanager
def called(cloud: Cloud) -> Iterator[list[dict[str, Any]]]:
    """The calls of people that were made in the block."""
    before = len(calls.read(cloud.state.call_log))
    found: list[dict[str, Any]] = []
    yield found
    found += [call for call in calls.read(cloud.state.call_log)[before:] if call["kind"] == "user"]


def policy(project: Project, purpose: str) -> dict[str, Any]:
    done = project.cloud.flowinfra("permissions", project.stack, "--for", purpose, cwd=project.folder).succeeded()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(found: list[dict[str, Any]], allowed: dict[str, Any]) -> set[str]:
    """What of some calls a policy does not allow."""
    needs = {need for call in found for need in authorization.needed(call) if need[0] not in ON_START}
    return {f"{what} on {arn}" for what, arn in needs if not authorization.allows([allowed], what, arn)}


@pytest.fixture(scope="module")
def project(make_project: Callable[[], Project]) -> Project:
    project = make_project()
    project.flow("tools")
    project.write("flows/plain/plain_flow.py", PLAIN)
    project.configure({"flow": "flows/plain/plain_flow.py", **LOGGED}, name_prefix=project.name)
    return project


PLAIN = """
    from metaflow import FlowSpec, schedule, step

    @schedule(daily=True)
    class PlainFlow(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        PlainFlow()
"""


def test_each_purpose_is_allowed_and_no_more_than_it(cloud: Cloud, project: Project, colleague: Person) -> None:
    policies = {purpose: policy(project, purpose) for purpose in ("preview", "deploy", "laptop", "destroy")}
    with called(cloud) as deployed:
        project.up()
        project.configure(
            {
                "flow": "flows/plain/plain_flow.py",
                **LOGGED,
                "aws_tags": {"a": "b"},
                "image": "python:3.11",
            },
            name_prefix=project.name,
        )
        project.up()
    assert refused(deployed, policies["deploy"]) == set()
    assert refused(deployed, policies["preview"]) != set()

    with called(cloud) as previewed:
        project.preview("--refresh").succeeded()
    assert refused(previewed, policies["preview"]) == set()
    reads = {what for call in previewed for what, _ in authorization.needed(call)}
    actions = {action for statement in policies["preview"]["Statement"] for action in statement["Action"]}
    assert actions - reads - set(REAL_ONLY) == set()

    with called(cloud) as worked:
        for words in ("trigger", "list-runs"):
            prefix = f"env METAFLOW_SFN_STATE_MACHINE_PREFIX={project.name}"
            line = f"cd flows/plain && {prefix} python plain_flow.py step-functions {words}"
            project.shell(line, person=colleague).succeeded()
        for command in ("run", "runs"):
            shown = ("local", "exec", "--", "flowinfra", command, "PlainFlow", "-s", project.stack)
            cloud.flowinfra(*shown, cwd=project.folder).succeeded()
    assert refused(worked, policies["laptop"]) == set()

    with called(cloud) as destroyed:
        project.destroy()
        done = cloud.flowinfra("local", "exec", "--", "flowinfra", "gc", project.stack, "--yes", cwd=project.folder)
        assert done.code == 0, done.output
    assert refused(destroyed, policies["destroy"]) == set()
    assert refused(deployed, policies["destroy"]) != set()
