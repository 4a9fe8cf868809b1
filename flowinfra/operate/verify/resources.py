"""One function per resource type, which finds what is not as deployed, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.components.names import STATE_MACHINES
from flowinfra.operate.verify.aws import Calls
from flowinfra.operate.verify.compare import not_in, pairs, same_policy, shown, tag_differences
from flowinfra.operate.verify.definition import definition_differences
from flowinfra.targets.step_functions.by_hand import rule_name

GONE = "is not there"

JOB = "aws:batch/jobDefinition:JobDefinition"


@dataclass(frozen=True)
class Live:
    """A resource of the state, and where AWS is asked about it."""

    calls: Calls
    region: str
    identifier: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def ask(self, service: str, call: str, **arguments: Any) -> dict[str, Any] | None:
        """Ask AWS, and return its answer; None where the thing does not exist."""
        return self.calls.ask(self.region, service, call, **arguments)

    @property
    def tags(self) -> Mapping[str, str]:
        """What it was deployed with, the provider's default tags included."""
        return self.inputs.get("tagsAll") or self.outputs.get("tagsAll") or self.inputs.get("tags") or {}


def _state_machine(item: Live) -> Iterator[str]:
    found = item.ask("stepfunctions", "describe_state_machine", stateMachineArn=item.identifier)
    if found is None:
        yield GONE
        return
    yield from definition_differences(item.inputs["definition"], found["definition"])
    if found["roleArn"] != item.inputs["roleArn"]:
        yield f"runs under the role {found['roleArn']}, deployed was {item.inputs['roleArn']}"
    level = (item.inputs.get("loggingConfiguration") or {}).get("level", "OFF")
    live_level = found.get("loggingConfiguration", {}).get("level", "OFF")
    if live_level != level:
        yield f"logs its executions' history at level {live_level}, deployed was {level}"
    listed = item.ask("stepfunctions", "list_tags_for_resource", resourceArn=item.identifier) or {}
    yield from tag_differences(item.tags, pairs(listed.get("tags", [])))


def _job_definition(item: Live) -> Iterator[str]:
    """The newest revision is what jobs are made from: a definition names no revision."""
    name = item.inputs["name"]
    asked = item.ask("batch", "describe_job_definitions", jobDefinitionName=name, status="ACTIVE") or {}
    revisions = asked.get("jobDefinitions", ())
    if not revisions:
        yield "is not registered any more (INACTIVE): AWS refuses to start its steps"
        return
    found = max(revisions, key=lambda revision: int(revision["revision"]))
    wanted = {key: item.inputs[key] for key in ("parameters", "retryStrategy", "timeout") if item.inputs.get(key)}
    container = json.loads(item.inputs["containerProperties"])
    for path in (*not_in(container, found.get("containerProperties")), *not_in(wanted, found)):
        yield f"revision {found['revision']} has another {path} than was deployed"
    yield from tag_differences(item.tags, found.get("tags", {}))


def _schedule(item: Live) -> Iterator[str]:
    group, name = item.inputs["groupName"], item.inputs["name"]
    found = item.ask("scheduler", "get_schedule", GroupName=group, Name=name)
    if found is None:
        yield GONE
        return
    for key, answer, words in (
        ("scheduleExpression", "ScheduleExpression", "runs at"),
        ("scheduleExpressionTimezone", "ScheduleExpressionTimezone", "runs by the clocks of"),
        ("state", "State", "is"),
        ("description", "Description", "is described as"),
    ):
        if key in item.inputs and found.get(answer) != item.inputs[key]:
            yield f"{words} {shown(found.get(answer))}, deployed was {shown(item.inputs[key])}"
    wanted, target = item.inputs["target"], found["Target"]
    for key, answer in (("arn", "Arn"), ("roleArn", "RoleArn"), ("input", "Input")):
        if key in wanted and target.get(answer) != wanted[key]:
            yield f"{answer} is {shown(target.get(answer))}, deployed was {shown(wanted[key])}"
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if queue != (wanted.get("deadLetterConfig") or {}).get("arn"):
        yield f"its dead-letter queue is {shown(queue)}, which was not deployed"
    # `step-functions create` knows rules alone
    rule = rule_name(str(wanted["arn"]).rpartition(":")[2])
    by_hand = item.ask("events", "describe_rule", Name=rule) or {}
    if by_hand.get("State") == "ENABLED":
        yield (
            f"the rule {rule}, which `step-functions create` makes, starts the flow as well "
            f"({by_hand.get('ScheduleExpression')}); turn it off: `aws events disable-rule --name {rule}`"
        )


def _rule(item: Live) -> Iterator[str]:
    # the id of a rule of another bus than the default one is BUS/NAME
    name = item.inputs.get("name") or item.identifier.rpartition("/")[2]
    found = item.ask("events", "describe_rule", Name=name, **_bus(item))
    if found is None:
        yield GONE
        return
    for key, name, words in (
        ("scheduleExpression", "ScheduleExpression", "runs at"),
        ("state", "State", "is"),
        ("description", "Description", "is described as"),
    ):
        if key in item.inputs and found.get(name) != item.inputs[key]:
            yield f"{words} {shown(found.get(name))}, deployed was {shown(item.inputs[key])}"
    wanted = item.inputs.get("eventPattern")
    if wanted is not None and json.loads(found.get("EventPattern") or "{}") != json.loads(wanted):
        yield f"listens to {shown(found.get('EventPattern'))}, deployed was {shown(wanted)}"
    listed = item.ask("events", "list_tags_for_resource", ResourceARN=found["Arn"]) or {}
    yield from tag_differences(item.tags, pairs(listed.get("Tags", [])))


def _bus(item: Live) -> dict[str, str]:
    return {"EventBusName": item.inputs["eventBusName"]} if "eventBusName" in item.inputs else {}


def _target(item: Live) -> Iterator[str]:
    found = item.ask("events", "list_targets_by_rule", Rule=item.inputs["rule"], **_bus(item)) or {}
    targets = {target["Id"]: target for target in found.get("Targets", ())}
    target = targets.get(item.inputs["targetId"])
    to_topic = ":sns:" in item.inputs["arn"]
    if target is None:
        yield f"{GONE}: {'nobody hears of runs' if to_topic else 'its rule starts nothing'}"
        return
    for key, name in (("arn", "Arn"), ("roleArn", "RoleArn"), ("input", "Input")):
        if key in item.inputs and target.get(name) != item.inputs[key]:
            yield f"{name} is {shown(target.get(name))}, deployed was {shown(item.inputs[key])}"
    if wanted := item.inputs.get("inputTransformer"):
        made = target.get("InputTransformer") or {}
        if (made.get("InputPathsMap") or {}, made.get("InputTemplate")) != (
            wanted.get("inputPaths") or {},
            wanted["inputTemplate"],
        ):
            yield f"gives the {'topic' if to_topic else 'flow'} another input than was deployed"


def _role(item: Live) -> Iterator[str]:
    found = item.ask("iam", "get_role", RoleName=item.identifier)
    if found is None:
        yield GONE
        return
    role = found["Role"]
    if not same_policy(item.inputs["assumeRolePolicy"], role["AssumeRolePolicyDocument"]):
        yield "another one may assume it than was deployed (its trust policy differs)"
    boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    if boundary != item.inputs.get("permissionsBoundary"):
        yield f"its permissions boundary is {boundary}, deployed was {item.inputs.get('permissionsBoundary')}"
    yield from tag_differences(item.tags, pairs(role.get("Tags", [])))


def _role_policy(item: Live) -> Iterator[str]:
    role, _, name = item.identifier.partition(":")
    found = item.ask("iam", "get_role_policy", RoleName=role, PolicyName=name)
    if found is None:
        yield f"{GONE}: the role lacks its rights"
    elif not same_policy(item.inputs["policy"], found["PolicyDocument"]):
        yield "grants something else than was deployed"


def _attachment(item: Live) -> Iterator[str]:
    found = item.ask("iam", "list_attached_role_policies", RoleName=item.inputs["role"]) or {}
    if item.inputs["policyArn"] not in {policy["PolicyArn"] for policy in found.get("AttachedPolicies", ())}:
        yield f"{GONE}: the role lacks the policy {item.inputs['policyArn']}"


def _pod_identity(item: Live) -> Iterator[str]:
    place = {"clusterName": item.inputs["clusterName"], "associationId": item.identifier}
    found = item.ask("eks", "describe_pod_identity_association", **place)
    if found is None:
        yield f"{GONE}: the flow's pods have no role"
        return
    association = found["association"]
    if association["roleArn"] != item.inputs["roleArn"]:
        yield f"gives pods the role {association['roleArn']}, deployed was {item.inputs['roleArn']}"
    yield from tag_differences(item.tags, association.get("tags", {}))


def _object(item: Live) -> Iterator[str]:
    place = {"Bucket": item.inputs["bucket"], "Key": item.inputs["key"]}
    found = item.ask("s3", "head_object", **place)
    if found is None:
        yield f"{GONE} (s3://{place['Bucket']}/{place['Key']}): tasks that load it fail"
        return
    if (item.inputs.get("metadata") or {}) != found.get("Metadata", {}):
        yield "has other metadata than was deployed"
    listed = item.ask("s3", "get_object_tagging", **place) or {}
    yield from tag_differences(item.tags, pairs(listed.get("TagSet", [])))


def _log_group(item: Live) -> Iterator[str]:
    found = item.ask("logs", "describe_log_groups", logGroupNamePrefix=item.identifier) or {}
    groups = {group["logGroupName"]: group for group in found.get("logGroups", ())}
    group = groups.get(item.identifier)
    if group is None:
        yield GONE
    elif (group.get("retentionInDays") or 0) != (item.inputs.get("retentionInDays") or 0):
        days, asked = group.get("retentionInDays"), item.inputs.get("retentionInDays")
        yield f"keeps logs for {shown(days)} days, deployed was {shown(asked)}"


KINDS: Mapping[str, Callable[[Live], Iterator[str]]] = {
    JOB: _job_definition,
    "aws:cloudwatch/eventRule:EventRule": _rule,
    "aws:scheduler/schedule:Schedule": _schedule,
    "aws:cloudwatch/eventTarget:EventTarget": _target,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": _pod_identity,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
    "aws:s3/bucketObjectv2:BucketObjectv2": _object,
    **dict.fromkeys(STATE_MACHINES, _state_machine),
}
"""Type → function that finds the parts of a resource that are not as deployed."""
