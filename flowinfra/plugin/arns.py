"""ARNs of AWS's resources by Pulumi's type, for those who make one up: tests of programs, and the local plugin.

After the service authorization reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).
"""

from __future__ import annotations

_SHAPES = {
    "aws:batch/computeEnvironment:ComputeEnvironment": ("batch", "compute-environment/"),
    "aws:batch/jobDefinition:JobDefinition": ("batch", "job-definition/"),
    "aws:batch/jobQueue:JobQueue": ("batch", "job-queue/"),
    "aws:cloudwatch/eventRule:EventRule": ("events", "rule/"),
    "aws:cloudwatch/logGroup:LogGroup": ("logs", "log-group:"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch", "alarm:"),
    "aws:dynamodb/table:Table": ("dynamodb", "table/"),
    "aws:iam/instanceProfile:InstanceProfile": ("iam", "instance-profile/"),
    "aws:kms/key:Key": ("kms", "key/"),
    "aws:lambda/function:Function": ("lambda", "function:"),
    "aws:secretsmanager/secret:Secret": ("secretsmanager", "secret:"),
    "aws:sfn/stateMachine:StateMachine": ("states", "stateMachine:"),
    "flowinfra-aws:index:StateMachine": ("states", "stateMachine:"),
}
"""Type → the service in the ARN, and what stands before the name; others have the words of their type."""
_BARE = ("s3", "sns", "sqs")
"""Services whose ARNs end in the name alone."""


def made_up_arn(kind: str, name: str, region: str, account: str) -> str:
    """The ARN that a resource would have.

    Args:
        kind: Pulumi's type token.
        name: of the resource in AWS.
        region: of the resource.
        account: of the resource.
    """
    module, _, last = kind.partition(":")[2].replace(":", "/").rpartition("/")
    own = module.split("/")[0]
    service, before = _SHAPES.get(kind, (own, "" if own in _BARE else f"{last[0].lower()}{last[1:]}/"))
    where = "" if service in ("iam", "s3") else region
    return f"arn:aws:{service}:{where}:{'' if service == 's3' else account}:{before}{name}"
