"""What a call needs to be allowed, and whether policies allow it: IAM, as far as what flows, plugin and Metaflow call.

A call is a record of the call log; what it needs are pairs of an action and a resource's ARN, after the tables of the
service authorization reference (https://docs.aws.amazon.com/service-authorization/latest/reference/). A call that is
not in the tables raises: nothing is allowed by guess. Policies are statements that allow or deny actions on resources,
with `*` and `?`; of conditions, those on an event's `detail-type` are evaluated, and all others are taken as met, for
flowinfra's are about who passes a role to whom.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from flowinfra.errors import LocalError
from flowinfra.local import identity

Policy = Mapping[str, Any]
Needed = tuple[str, str]
"""Action, and ARN of the resource or `*`."""
Call = Mapping[str, Any]
"""A record of the call log."""

ALIASES = {
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "ListObjects"): "s3:ListBucket",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "ListParts"): "s3:ListMultipartUploadParts",
    **{
        ("s3", operation): "s3:PutObject"
        for operation in ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
    },
    ("s3", "GetPublicAccessBlock"): "s3:GetBucketPublicAccessBlock",
    ("s3", "PutPublicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("s3", "DeletePublicAccessBlock"): "s3:PutBucketPublicAccessBlock",
}
"""Operations that need an action of another name."""
NO_RESOURCE = {
    *("batch:Describe*", "batch:List*", "ecr:GetAuthorizationToken", "sts:*", "ec2:Describe*", "s3:ListAllMyBuckets"),
    *("logs:DescribeLogGroups", "logs:*LogDelivery", "logs:ListLogDeliveries", "logs:*ResourcePolicy"),
    *("logs:DescribeResourcePolicies", "states:ListStateMachines", "events:ListRules", "iam:ListRoles"),
    *("states:ValidateStateMachineDefinition", "batch:CancelJob"),
}
"""Actions that know no resources: a policy allows them on `*` alone."""


def action(call: Call) -> str:
    """The action that a call needs."""
    service, operation = call["service"], call["operation"]
    prefix = {"monitoring": "cloudwatch"}.get(service, service)
    return ALIASES.get((service, operation), f"{prefix}:{operation}")


def needed(call: Call) -> list[Needed]:
    """What a call needs; LocalError for one whose resource is not known."""
    what = action(call)
    if any(matches(pattern, what) for pattern in NO_RESOURCE):
        return [(what, "*")]
    find = _RESOURCES.get(what.partition(":")[0])
    arns = list(find(call["operation"], call["resource"])) if find else []
    if not arns:
        raise LocalError(f"which resource {call['service']}:{call['operation']} is about is not known: {dict(call)}")
    return [(what, arn) for arn in arns]


def allows(policies: Iterable[Policy], what: str, resource: str, call: Call | None = None) -> bool:
    """Whether policies together allow an action on a resource; `call`: the one that needs it, for conditions."""
    found = [
        statement for policy in policies for statement in statements(policy) if covers(statement, what, resource, call)
    ]
    return bool(found) and all(statement["Effect"] == "Allow" for statement in found)


def covers(statement: Policy, what: str, resource: str, call: Call | None = None) -> bool:
    """Whether a statement is about an action on a resource; `call`: the one that needs it, for conditions."""
    return (
        any(matches(pattern, what, case=False) for pattern in listed(statement["Action"]))
        and any(matches(pattern, resource) for pattern in listed(statement["Resource"]))
        and (call is None or _met(statement.get("Condition") or {}, call["resource"]))
    )


def _met(conditions: Mapping[str, Mapping[str, Any]], names: Mapping[str, Any]) -> bool:
    """Whether all events of a call are of a type that the conditions name; entries are judged one by one."""
    wanted = conditions.get("StringEquals", {}).get("events:detail-type")
    return wanted is None or set(names.get("DetailTypes", ())) <= set(listed(wanted))


def statements(policy: Policy) -> list[Policy]:
    """A policy's statements; LocalError for one that says what it is not about."""
    found = policy["Statement"]
    result: list[Policy] = found if isinstance(found, list) else [found]
    for statement in result:
        if odd := {"NotAction", "NotResource"} & set(statement):
            raise LocalError(f"{', '.join(odd)} of a policy is not evaluated: {statement}")
    return result


def listed(value: str | Sequence[str]) -> Sequence[str]:
    """One or several as several."""
    return [value] if isinstance(value, str) else value


def matches(pattern: str, text: str, *, case: bool = True) -> bool:
    """`*` for any characters, `?` for one, as IAM has them."""
    return _expression(pattern, case).fullmatch(text) is not None


@functools.cache
def _expression(pattern: str, case: bool) -> re.Pattern[str]:
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(translated, re.DOTALL | (0 if case else re.IGNORECASE))


def _arn(service: str, resource: str, region: str = identity.REGION, account: str = identity.ACCOUNT) -> str:
    return resource if resource.startswith("arn:") else f"arn:aws:{service}:{region}:{account}:{resource}"


def _of_s3(operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    bucket, key = names.get("Bucket"), names.get("Key")
    if bucket:
        yield f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    if operation == "DeleteObjects":
        yield f"arn:aws:s3:::{bucket}/*"


def _of_dynamodb(_operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    if table := names.get("TableName"):
        yield _arn("dynamodb", table if table.startswith("arn:") else f"table/{table}")
    elif arn := names.get("ResourceArn"):
        yield arn


def _of_batch(operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    if operation in ("SubmitJob", "RegisterJobDefinition", "DeregisterJobDefinition"):
        name = names.get("jobDefinition") or names["jobDefinitionName"]
        yield _arn("batch", name if name.startswith("arn:") else f"job-definition/{name}")
        if queue := names.get("jobQueue"):
            yield _arn("batch", queue if queue.startswith("arn:") else f"job-queue/{queue}")
    elif job := names.get("jobId"):
        yield _arn("batch", f"job/{job}")
    elif arn := names.get("resourceArn"):
        yield arn
    else:
        for key, kind in (
            ("computeEnvironment", "compute-environment"),
            ("computeEnvironmentName", "compute-environment"),
            ("jobQueue", "job-queue"),
            ("jobQueueName", "job-queue"),
        ):
            if name := names.get(key):
                yield _arn("batch", name if name.startswith("arn:") else f"{kind}/{name}")


def _of_states(operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    for key in ("executionArn", "stateMachineArn", "resourceArn"):
        if arn := names.get(key):
            yield arn
            return
    if operation == "CreateStateMachine" and (name := names.get("name")):
        yield _arn("states", f"stateMachine:{name}")


def _of_events(operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    if operation == "PutEvents":
        for bus in names.get("EventBusNames", ()):
            yield _arn("events", f"event-bus/{bus}")
    elif name := names.get("Rule") or names.get("Name"):
        yield _arn("events", f"rule/{name}")
    elif arn := names.get("ResourceARN"):
        yield arn


def _of_scheduler(_operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    if name := names.get("Name"):
        yield _arn("scheduler", f"schedule/{names.get('GroupName') or 'default'}/{name}")


def _of_sqs(_operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    if address := names.get("QueueUrl"):
        yield _arn("sqs", address.rpartition("/")[2])


def _of_iam(operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    if name := names.get("RoleName"):
        yield f"arn:aws:iam::{identity.ACCOUNT}:role/{name}"
    elif arn := names.get("PolicyArn"):
        yield arn
    elif name := names.get("InstanceProfileName"):
        yield f"arn:aws:iam::{identity.ACCOUNT}:instance-profile/{name}"


def _of_logs(operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    if name := names.get("logGroupName") or names.get("logGroupNamePrefix"):
        yield _arn("logs", f"log-group:{name}:*" if "Tag" not in operation else f"log-group:{name}")
    elif arn := names.get("resourceArn"):
        yield arn


def _of_secretsmanager(_operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    if name := names.get("SecretId") or names.get("Name"):
        # Secrets Manager appends a dash and six characters to the name
        yield name if name.startswith("arn:") else _arn("secretsmanager", f"secret:{name}-AbCdEf")


def _of_ssm(_operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    if name := names.get("Name"):
        yield _arn("ssm", f"parameter/{name.lstrip('/')}")


def _of_eks(operation: str, names: Mapping[str, Any]) -> Iterator[str]:
    cluster = names.get("name") or names.get("clusterName")
    if arn := names.get("resourceArn"):
        yield arn
    elif association := names.get("associationId"):
        yield _arn("eks", f"podidentityassociation/{cluster}/{association}")
    elif cluster:
        yield _arn("eks", f"cluster/{cluster}")


_RESOURCES: Mapping[str, Callable[[str, Mapping[str, Any]], Iterator[str]]] = {
    "s3": _of_s3,
    "dynamodb": _of_dynamodb,
    "batch": _of_batch,
    "states": _of_states,
    "events": _of_events,
    "eks": _of_eks,
    "iam": _of_iam,
    "logs": _of_logs,
    "scheduler": _of_scheduler,
    "secretsmanager": _of_secretsmanager,
    "sqs": _of_sqs,
    "ssm": _of_ssm,
}
"""Service, as actions name it → ARNs of what a call is about."""
