"""IAM policies as data: least privilege per flow, derived from what the compiled flow refers to.

Policies cover the flow's own name prefix and keys rather than single steps, so that removing a step does not take
permissions from a run that still needs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flowinfra.components.iam import Policy, allow, document, tasks_policy, use_keys
from flowinfra.components.names import Names
from flowinfra.components.site import Site
from flowinfra.model.base import Json
from flowinfra.model.compiled import MARK
from flowinfra.targets.step_functions import together, triggers
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.sends import Sends, statement

BATCH_LOGS = "/aws/batch/job"
"""The log group that Batch writes to where a job names no other."""
_DELIVER_LOGS = allow(
    "DeliverLogs",
    [
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
    ],
    # Log delivery knows no resources: AWS documents `*` for it.
    ["*"],
)
MAP_OUTPUT = "sfn_distributed_map_output"
"""Folder in the datastore's root in which Metaflow lets a distributed map write its results."""


def trust_policy(service: str, account: str) -> Policy:
    """Lets `service` (`states.amazonaws.com`) assume a role, on behalf of this account only."""
    return document(_assumed(service, {"aws:SourceAccount": account}))


def _assumed(service: str, where: Mapping[str, str]) -> Policy:
    return {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": dict(where)},
    }


def states_policy(compiled: StepFunctionsCompiled, site: Site, names: Names) -> Policy:
    """What Step Functions does for the flow: its Batch jobs, and what foreach, distributed map and logging need."""
    statements = [
        allow(
            "SubmitJobs",
            ["batch:SubmitJob"],
            # a job's own ARN too: IAM asks for all three
            [
                site.arn("batch", f"job-definition/{names.prefix}-*"),
                site.arn("batch", "job/*"),
                *_queues(compiled, site),
            ],
        ),
        allow("StopJobs", ["batch:TerminateJob"], [site.arn("batch", "job/*")]),
        # DescribeJobs knows no resources.
        allow("FollowJobs", ["batch:DescribeJobs"], ["*"]),
        allow(
            "HearOfJobs",
            ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            [site.arn("events", "rule/StepFunctionsGetEventsForBatchJobsRule")],
        ),
    ]
    if _tags_jobs(compiled.step_functions.definition):
        statements.append(allow("TagJobs", ["batch:TagResource"], [site.arn("batch", "job/*")]))
    if _uses_table(compiled) and site.table:
        statements.append(allow("ReadForeach", ["dynamodb:GetItem"], [_table(site)]))
    if compiled.shape.distributed_map:
        statements += _map_runs(compiled, site)
    if site.kms_keys and (compiled.shape.distributed_map or _uses_table(compiled)):
        statements.append(use_keys(site.kms_keys))
    if compiled.step_functions.log_history:
        statements.append(_DELIVER_LOGS)
    return document(*statements)


def _map_runs(compiled: StepFunctionsCompiled, site: Site) -> Iterator[Policy]:
    """What a distributed map does: it starts executions of the same machine, and writes their results."""
    executions = [
        site.arn("states", f"execution:{compiled.name}:*"),
        site.arn("states", f"execution:{compiled.name}/*:*"),
    ]
    objects = ["s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]
    yield allow("StartMapRuns", ["states:StartExecution"], [_machine(compiled, site)])
    yield allow(
        "FollowMapRuns", ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"], executions
    )
    yield allow("MapResults", objects, [site.objects(f"{MAP_OUTPUT}/*")])


def jobs_policy(
    compiled: StepFunctionsCompiled, site: Site, reads: Sequence[str] = (), sends: Sends | None = None
) -> Policy:
    """What the flow's tasks do: their artifacts, cards and data, foreach bookkeeping, and the secrets they name.

    Args:
        compiled: the flow.
        site: where it lives.
        reads: other flows whose part of the datastore they read, `EVERY` for all.
        sends: events that they send.
    """
    foreach = [
        allow(
            "Foreach",
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            [_table(site)],
        )
    ]
    more = foreach if _uses_table(compiled) and site.table else []
    if compiled.flow.triggers:
        more = [*more, allow("ReadTrigger", ["states:DescribeExecution"], executions(compiled, site))]
    if sends:
        more = [*more, statement(sends, site)]
    return tasks_policy(compiled, site, reads, site.kms_keys, more)


def executions(compiled: StepFunctionsCompiled, site: Site) -> list[str]:
    """ARNs of the flow's own executions."""
    return [site.arn("states", f"execution:{compiled.name}:*")]


def events_trust(account: str, group: str) -> Policy:
    """Lets EventBridge Scheduler assume a role for the schedules of a group, and EventBridge for Metaflow's own rules.

    Scheduler says by which group it acts, never by which schedule
    (https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html).
    """
    by_schedule = _assumed("scheduler.amazonaws.com", {"aws:SourceAccount": account, "aws:SourceArn": group})
    return document(by_schedule, _assumed("events.amazonaws.com", {"aws:SourceAccount": account}))


def events_policy(compiled: StepFunctionsCompiled, site: Site) -> Policy:
    """What events do: start this flow, or what waits for all of them."""
    if triggers.several(compiled.flow):
        return document(_starts(together.machine_name(compiled.name), site, "TellOfEvents"))
    return document(_starts(compiled.name, site))


def schedules_policy(compiled: StepFunctionsCompiled, site: Site, scheduled: bool = True) -> Policy:
    """What schedules do: start this flow, forget events that came for it, and say where that was not possible."""
    statements = [_starts(compiled.name, site)] if scheduled else []
    if together.reset(compiled.flow):
        statements.append(_starts(together.machine_name(compiled.name), site, "ForgetEvents"))
    if site.dead_letter_queue is not None:
        statements.append(allow("TellOfFailures", ["sqs:SendMessage"], [site.dead_letter_queue]))
    return document(*statements)


def _starts(name: str, site: Site, sid: str = "StartFlow") -> Policy:
    return allow(sid, ["states:StartExecution"], [site.state_machine_arn(name)])


def execution_policy(compiled: StepFunctionsCompiled, site: Site) -> Policy:
    """What ECS does to start a container: pull the image, write its log, read the metadata service's key."""
    logs = _log_groups(compiled, site)
    statements = [
        # GetAuthorizationToken knows no resources.
        allow("Login", ["ecr:GetAuthorizationToken"], ["*"]),
        allow(
            "PullImages",
            ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            # An image may come from another account's or region's registry.
            [f"arn:{site.partition}:ecr:*:*:repository/*"],
        ),
    ]
    if logs:
        written = [f"{group}:*" for group in logs]
        statements.append(allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], written))
    if made := [f"{group}:*" for group, make in logs.items() if make]:
        statements.append(allow("MakeLogGroups", ["logs:CreateLogGroup"], made))
    if site.service_auth_secret:
        statements.append(allow("ServiceKey", ["secretsmanager:GetSecretValue"], [site.service_auth_secret]))
        if site.kms_keys:
            statements.append(allow("UseKeys", ["kms:Decrypt"], site.kms_keys))
    return document(*statements)


def _log_groups(compiled: StepFunctionsCompiled, site: Site) -> dict[str, bool]:
    """ARN of each log group that containers write to, and whether they make it where it is not there."""
    groups: dict[str, bool] = {}
    for job in compiled.step_functions.job_definitions.values():
        logs = job.properties["containerProperties"].get("logConfiguration") or {}
        if logs.get("logDriver", "awslogs") == "awslogs":
            options = logs.get("options") or {}
            name = options.get("awslogs-group", BATCH_LOGS)
            arn = site.arn("logs", f"log-group:{name}", options.get("awslogs-region"))
            groups[arn] = groups.get(arn, False) or options.get("awslogs-create-group") == "true"
    return groups


def _machine(compiled: StepFunctionsCompiled, site: Site) -> str:
    return site.state_machine_arn(compiled.name)


def _queues(compiled: StepFunctionsCompiled, site: Site) -> list[str]:
    own = {step.queue for step in compiled.flow.steps.values() if step.queue}
    names = {site.queue, *(queue for queue in own if not queue.startswith(MARK))}
    return [name if name.startswith("arn:") else site.arn("batch", f"job-queue/{name}") for name in names]


def _uses_table(compiled: StepFunctionsCompiled) -> bool:
    """Only a flow with a foreach refers to the table."""
    return any(name.removeprefix(MARK) == "table" for name in compiled.placeholders)


def _table(site: Site) -> str:
    return site.arn("dynamodb", f"table/{site.table}")


def _tags_jobs(value: Json) -> bool:
    """Whether some state submits its job with tags."""
    if isinstance(value, list):
        return any(map(_tags_jobs, value))
    if isinstance(value, dict):
        parameters = value.get("Parameters")
        own = isinstance(parameters, dict) and "JobQueue" in parameters and "Tags" in parameters
        return own or any(map(_tags_jobs, value.values()))
    return False
