"""IAM takes time: what was written to a role counts some seconds later (`flowinfra local start --iam-delay SECONDS`).

AWS: "changes that you make to roles and policies are not immediately visible"
(https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency). Until
then a new role cannot be assumed, and one that was changed may do what it could before. What meets that:

- CreateStateMachine and UpdateStateMachine: Step Functions takes on the role, makes the managed rule of Batch jobs with
  it, and with logging a log delivery; each is refused with AccessDeniedException;
- PutTargets, CreateSchedule and UpdateSchedule: a role that the service cannot assume is refused;
- a Batch job whose role ECS cannot assume does not start;
- whatever a job, an execution or a schedule calls with its role.

moto enforces no policies, and neither does this after the delay. Off unless asked for.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from moto.iam.models import iam_backends

from flowinfra.local import authorization, identity
from flowinfra.local.calls import Application, parsed, record

_WRITES = frozenset(
    (
        *("CreateRole", "DeleteRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "DeleteRolePolicy"),
        *("AttachRolePolicy", "DetachRolePolicy", "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"),
    )
)
NO_SCHEDULE = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
"""What EventBridge Scheduler says of a role that it cannot take on."""
_BATCH_RULE = "rule/StepFunctionsGetEventsForBatchJobsRule"
_ACTS = ("job", "execution", "states", "events", "scheduler")
"""Callers that act with a role."""


@dataclass(frozen=True)
class _Version:
    """What a role was from some moment on."""

    since: float
    policies: tuple[Mapping[str, Any], ...] | None
    """None: it was not there, or somebody else was trusted."""


class IamDelay:
    """WSGI middleware; also asked when a job starts. Safe for many threads."""

    def __init__(self, seconds: float, application: Application) -> None:
        self._seconds = seconds
        self._application = application
        self._lock = threading.Lock()
        self._versions: dict[str, list[_Version]] = {}
        self.active = False
        """What is there from the start counts at once."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass a request on, or refuse it."""
        call = parsed(environ) if self.active else None
        if call is None:
            return self._application(environ, start_response)
        if refusal := self._refusal(call.caller, call.service, call.operation, call.parameters):
            return _refused(call.service, refusal, start_response)
        if call.service == "iam" and call.operation in _WRITES:
            return self._written(call.parameters["RoleName"], environ, start_response)
        return self._application(environ, start_response)

    def not_assumed(self, role_arn: str | None) -> bool:
        """Whether a role is too new to be assumed."""
        version = self._counting(role_arn.rpartition("/")[2]) if role_arn else None
        return version is not None and version.policies is None

    def _refusal(
        self, caller: identity.Caller, service: str, operation: str, parameters: Mapping[str, Any]
    ) -> tuple[str, str] | None:
        """Code and message."""
        if caller.kind in _ACTS:
            return self._of_role(caller, {"service": service, "operation": operation, "resource": record(parameters)})
        if service == "states" and operation in ("CreateStateMachine", "UpdateStateMachine"):
            return self._of_state_machine(parameters)
        if service == "events" and operation == "PutTargets":
            for target in parameters.get("Targets", ()):
                if self.not_assumed(role := target.get("RoleArn")):
                    return (
                        "ValidationException",
                        f"Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'.",
                    )
        if service == "scheduler" and self.not_assumed(parameters.get("Target", {}).get("RoleArn")):
            return "ValidationException", NO_SCHEDULE
        return None

    def _of_role(self, caller: identity.Caller, call: authorization.Call) -> tuple[str, str] | None:
        version = self._counting(caller.role)
        if version is None:
            return None
        policies = version.policies or ()
        for what, resource in authorization.needed(call):
            if not authorization.allows(policies, what, resource, call):
                return (
                    "AccessDeniedException",
                    f"User: arn:aws:sts::{identity.ACCOUNT}:assumed-role/{caller.role}/session is not authorized to "
                    f"perform: {what} on resource: {resource} because no identity-based policy allows the {what} "
                    "action",
                )
        return None

    def _of_state_machine(self, parameters: Mapping[str, Any]) -> tuple[str, str] | None:
        arn = str(parameters.get("roleArn", ""))
        version = self._counting(arn.rpartition("/")[2])
        if version is None:
            return None
        policies = version.policies
        if policies is None:
            return (
                "AccessDeniedException",
                "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to "
                "assume the provided role.",
            )
        rule = f"arn:aws:events:{identity.REGION}:{identity.ACCOUNT}:{_BATCH_RULE}"
        if "batch:submitJob.sync" in parameters.get("definition", "") and not authorization.allows(
            policies, "events:PutRule", rule
        ):
            return "AccessDeniedException", f"'{arn}' is not authorized to create managed-rule."
        logging = parameters.get("loggingConfiguration") or {}
        if logging.get("level", "OFF") != "OFF" and not authorization.allows(policies, "logs:CreateLogDelivery", "*"):
            return "AccessDeniedException", "The state machine IAM Role is not authorized to access the Log Destination"
        return None

    def _counting(self, role: str) -> _Version | None:
        """The version of a role that counts now, where that is not the last one; None where it is."""
        with self._lock:
            versions = self._versions.get(role)
            if not versions:
                return None
            now = time.monotonic()
            old = [version for version in versions if version.since + self._seconds <= now]
            if old and old[-1] is versions[-1]:
                del self._versions[role]
                return None
            return old[-1] if old else _Version(now, None)

    def _written(self, role: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            versions = self._versions.setdefault(role, [])
            if not versions:
                versions.append(_Version(float("-inf"), _policies(role)))
        answer = self._application(environ, start_response)
        body = list(answer)
        with self._lock:
            versions = self._versions.setdefault(role, versions)
            versions.append(_Version(time.monotonic(), _policies(role)))
        return body


def _policies(role: str) -> tuple[Mapping[str, Any], ...] | None:
    found = next((each for each in iam_backends[identity.ACCOUNT]["aws"].roles.values() if each.name == role), None)
    if found is None:
        return None
    managed = [
        version.document
        for policy in found.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]
    return tuple(json.loads(unquote(document)) for document in (*found.policies.values(), *managed))


def _refused(service: str, refusal: tuple[str, str], start_response: Callable[..., Any]) -> Iterable[bytes]:
    code, message = refusal
    if service == "s3":
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [f"<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>".encode()]
    status = "403 Forbidden" if service == "batch" else "400 Bad Request"
    start_response(status, [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code)])
    return [json.dumps({"__type": code, "message": message, "Message": message}).encode()]


_current: list[IamDelay] = []


def use(delay: IamDelay) -> None:
    """Make `delay` that of this process."""
    _current[:] = [delay]


def not_assumed(role_arn: str | None) -> bool:
    """Whether a role is too new to be assumed; always False without a delay."""
    return bool(_current) and _current[0].not_assumed(role_arn)
