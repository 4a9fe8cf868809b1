"""IAM policies as data: least privilege per flow, derived from what the compiled flow refers to.

Policies cover the flow's own name prefix and keys rather than single steps, so that removing a step does not take
permissions from a run that still needs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flowinfra.components.names import Names
from flowinfra.components.plan import EVERY
from flowinfra.components.site import Site
from flowinfra.model.compiled import AWS_SECRETS, MARK, Json, Secret, StepFunctionsCompiled

Policy = dict[str, Any]
"""A policy document."""

BATCH_LOGS = "/aws/batch/job"
"""The log group that Batch writes to where a job names no other."""
MAP_OUTPUT = "sfn_distributed_map_output"
"""Below the datastore's root: where Metaflow lets a distributed map write its results."""


def trust_policy(service: str, account: str) -> Policy:
    """Lets `service` (`states.amazonaws.com`) assume a role, on behalf of this account only."""
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }
    )


def states_policy(compiled: StepFunctionsCompiled, site: Site, names: Names) -> Policy:
    """What Step Functions does for the flow: its Batch jobs, and what foreach, distributed map and logging need."""
    statements = [
        _allow(
            "SubmitJobs",
            ["batch:SubmitJob"],
            # a job's own ARN too: IAM asks for all three
            [
                site.arn("batch", f"job-definition/{names.prefix}-*"),
                site.arn("batch", "job/*"),
                *_queues(compiled, site),
            ],
        ),
        _allow("StopJobs", ["batch:TerminateJob"], [site.arn("batch", "job/*")]),
        # DescribeJobs knows no resources.
        _allow("FollowJobs", ["batch:DescribeJobs"], ["*"]),
        _allow(
            "HearOfJobs",
            ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            [site.arn("events", "rule/StepFunctionsGetEventsForBatchJobsRule")],
        ),
    ]
    if _tags_jobs(compiled.step_functions.definition):
        statements.append(_allow("TagJobs", ["batch:TagResource"], [site.arn("batch", "job/*")]))
    if _uses_table(compiled) and site.table:
        statements.append(_allow("ReadForeach", ["dynamodb:GetItem"], [_table(site)]))
    if compiled.shape.distributed_map:
        machine = compiled.name
        statements += [
            _allow("StartMapRuns", ["states:StartExecution"], [_machine(compiled, site)]),
            _allow(
                "FollowMapRuns",
                ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"],
                [
                    site.arn("states", f"execution:{machine}:*"),
                    site.arn("states", f"execution:{machine}/*:*"),
                ],
            ),
            _allow(
                "MapResults",
                [
                    "s3:GetObject",
                    "s3:PutObject",
                    "s3:ListMultipartUploadParts",
                    "s3:AbortMultipartUpload",
                ],
                [site.objects(f"{MAP_OUTPUT}/*")],
            ),
        ]
    if site.kms_keys and (compiled.shape.distributed_map or _uses_table(compiled)):
        statements.append(_use_keys(site))
    if compiled.step_functions.log_history:
        # Log delivery knows no resources: AWS documents `*` for it.
        statements.append(
            _allow(
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
                ["*"],
            )
        )
    return _document(*statements)


def jobs_policy(compiled: StepFunctionsCompiled, site: Site, reads: Sequence[str] = ()) -> Policy:
    """What the flow's tasks do: their artifacts, cards and data, foreach bookkeeping, and the secrets they name.

    `reads`: other flows whose part of the datastore they read, `EVERY` for all.
    """
    flow = compiled.flow.name
    statements = [
        _allow(
            "Datastore",
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
            _parts(site, flow),
        ),
        # Without ListBucket a missing key is 403 instead of the 404 that Metaflow acts on, and a condition on
        # s3:prefix never holds for HeadObject: names of keys are readable, other flows' contents are not.
        _allow("FindObjects", ["s3:ListBucket"], [f"arn:{site.partition}:s3:::{site.bucket}"]),
    ]
    if EVERY in reads:
        statements.append(_allow("ReadFlows", ["s3:GetObject"], [site.objects("*")]))
    elif reads:
        others = sorted({part for other in reads for part in _parts(site, other)})
        statements.append(_allow("ReadFlows", ["s3:GetObject"], others))
    if any(entry.kind == "environment" for entry in compiled.objects.values()):
        statements.append(_allow("Environments", ["s3:GetObject"], [site.objects("conda/*")]))
    if _uses_table(compiled) and site.table:
        statements.append(
            _allow(
                "Foreach",
                ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
                [_table(site)],
            )
        )
    if secrets := secret_arns(compiled, site):
        statements.append(_allow("Secrets", ["secretsmanager:GetSecretValue"], secrets))
    if roles := secret_roles(compiled):
        statements.append(_allow("SecretsOfOthers", ["sts:AssumeRole"], roles))
    if site.kms_keys:
        statements.append(_use_keys(site))
    return _document(*statements)


def events_policy(compiled: StepFunctionsCompiled, site: Site) -> Policy:
    """What the schedule does: start this flow."""
    return _document(_allow("StartFlow", ["states:StartExecution"], [_machine(compiled, site)]))


def execution_policy(compiled: StepFunctionsCompiled, site: Site) -> Policy:
    """What ECS does to start a container: pull the image, write its log, read the metadata service's key."""
    logs = _log_groups(compiled, site)
    statements = [
        # GetAuthorizationToken knows no resources.
        _allow("Login", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow(
            "PullImages",
            ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            # An image may come from another account's or region's registry.
            [f"arn:{site.partition}:ecr:*:*:repository/*"],
        ),
    ]
    if logs:
        written = [f"{group}:*" for group in logs]
        statements.append(_allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], written))
    if made := [f"{group}:*" for group, make in logs.items() if make]:
        statements.append(_allow("MakeLogGroups", ["logs:CreateLogGroup"], made))
    if site.service_auth_secret:
        statements.append(_allow("ServiceKey", ["secretsmanager:GetSecretValue"], [site.service_auth_secret]))
        if site.kms_keys:
            statements.append(_allow("UseKeys", ["kms:Decrypt"], site.kms_keys))
    return _document(*statements)


def secret_arns(compiled: StepFunctionsCompiled, site: Site) -> list[str]:
    """ARNs of the Secrets Manager secrets that the flow's tasks read under their own role."""
    setting = compiled.shape.settings.get("METAFLOW_AWS_SECRETS_MANAGER_DEFAULT_REGION")
    found = set()
    for secret in _aws_secrets(compiled):
        if secret.role is not None:
            continue
        if secret.id.startswith("arn:"):
            # The six characters that Secrets Manager appends may be left out of an ARN.
            found |= {secret.id, f"{secret.id}-??????"}
        else:
            found.add(site.arn("secretsmanager", f"secret:{secret.id}-??????", secret.region or setting))
    return sorted(found)


def secret_roles(compiled: StepFunctionsCompiled) -> list[str]:
    """ARNs of the roles that the flow's tasks take on to read secrets."""
    return sorted({secret.role for secret in _aws_secrets(compiled) if secret.role is not None})


def _aws_secrets(compiled: StepFunctionsCompiled) -> Iterator[Secret]:
    for step in compiled.flow.steps.values():
        yield from (secret for secret in step.secrets if secret.backend == AWS_SECRETS)


def _parts(site: Site, flow: str) -> list[str]:
    """A flow's parts of the datastore: artifacts, data of `metaflow.S3`, cards."""
    return [site.objects(f"{root}{flow}/*") for root in ("", "data/", "mf.cards/")]


def _use_keys(site: Site) -> Policy:
    """S3 and DynamoDB encrypt and decrypt with a customer's key on behalf of the caller, who needs the right to it."""
    return _allow("UseKeys", ["kms:Decrypt", "kms:GenerateDataKey"], site.kms_keys)


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


def _allow(sid: str, actions: Iterable[str], resources: Iterable[str]) -> Policy:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": sorted(resources),
    }


def _document(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


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
