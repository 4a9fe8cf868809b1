"""Least privilege, proven: every call that carries a role is evaluated against the policies that the role had then.

A role's policies are read from the call log itself, which has what IAM was told. Over a run of all end-to-end tests
every statement that a flow's role got has to be needed by some call, but for those that the embedded AWS plays no
call for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowinfra.local import authorization

_BATCH_USER_GUIDE = "https://docs.aws.amazon.com/batch/latest/userguide"
_STEP_FUNCTIONS_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"
NOT_PLAYED = {
    "HearOfJobs": f"{_STEP_FUNCTIONS_GUIDE}/batch-iam.html: the managed rule of `submitJob.sync`",
    "StopJobs": f"{_STEP_FUNCTIONS_GUIDE}/batch-iam.html: jobs of an execution that is stopped",
    "FollowJobs": f"{_STEP_FUNCTIONS_GUIDE}/batch-iam.html: `submitJob.sync`",
    "TagJobs": f"{_BATCH_USER_GUIDE}/supported-iam-actions-tagging.html: SubmitJob with tags",
    "DeliverLogs": f"{_STEP_FUNCTIONS_GUIDE}/cw-logs.html#cloudwatch-iam-policy",
    "StartMapRuns": f"{_STEP_FUNCTIONS_GUIDE}/iam-policies-eg-dist-map.html: a distributed map starts its own machine",
    "FollowMapRuns": f"{_STEP_FUNCTIONS_GUIDE}/iam-policies-eg-dist-map.html",
    "Login": f"{_BATCH_USER_GUIDE}/execution-IAM-role.html: images of ECR",
    "PullImages": f"{_BATCH_USER_GUIDE}/execution-IAM-role.html",
    "WriteLogs": f"{_BATCH_USER_GUIDE}/execution-IAM-role.html: awslogs",
    "StartFlow": "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html",
}
"""Statements that AWS needs and the embedded AWS makes no call for, with the page that asks for them."""


@dataclass
class Rights:
    """What was found in a call log."""

    denied: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)
    """Sids of statements that a flow's role had."""
    used: set[str] = field(default_factory=set)
    """Those that some call needed."""


def evaluate(calls: Iterable[Mapping[str, Any]]) -> Rights:
    """Go through a call log; roles that were there from the start are the platform's, and not judged."""
    found = Rights()
    policies: dict[str, dict[str, Any]] = {}
    for call in calls:
        names = call["resource"]
        if call["service"] == "iam" and call["status"] < 300:
            _note(call["operation"], names, policies, found)
        elif call["kind"] in ("job", "execution", "states", "events") and call["role"] in policies:
            own = policies[call["role"]]
            for what, resource in authorization.needed(call):
                if not authorization.allows(own.values(), what, resource, call):
                    found.denied.add(f"{call['kind']} role {call['role']}: {what} on {resource}")
                for policy in own.values():
                    for statement in authorization.statements(policy):
                        if "Sid" in statement and authorization.covers(statement, what, resource, call):
                            found.used.add(statement["Sid"])
    return found


def _note(operation: str, names: Mapping[str, Any], policies: dict[str, dict[str, Any]], found: Rights) -> None:
    role = names.get("RoleName", "")
    if operation == "PutRolePolicy":
        document = json.loads(names["PolicyDocument"])
        policies.setdefault(role, {})[names["PolicyName"]] = document
        found.granted |= _named(document)
    elif operation == "DeleteRolePolicy":
        policies.get(role, {}).pop(names["PolicyName"], None)


def _named(document: Mapping[str, Any]) -> set[str]:
    """Sids; what an older flowinfra granted has none, and is not judged."""
    return {statement["Sid"] for statement in authorization.statements(document) if "Sid" in statement}


def keep(found: Rights, modules: Iterable[str], folder: Path, worker: str) -> None:
    """Leave what a worker found for the end of the run."""
    content = {"granted": sorted(found.granted), "used": sorted(found.used), "modules": sorted(modules)}
    (folder / f"rights-{worker}.json").write_text(json.dumps(content))


def unneeded(folder: Path, modules: Iterable[str]) -> set[str]:
    """Statements that no call of a whole run needed; none where not all modules have run."""
    kept = [json.loads(path.read_text()) for path in folder.glob("rights-*.json")]
    ran = {module for each in kept for module in each["modules"]}
    if not set(modules) <= ran:
        return set()
    granted = {sid for each in kept for sid in each["granted"]}
    return granted - {sid for each in kept for sid in each["used"]} - set(NOT_PLAYED)
