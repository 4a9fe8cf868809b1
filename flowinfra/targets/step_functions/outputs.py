"""Outputs of a flow on Step Functions for its users: its page and the configuration of a laptop. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from flowinfra.model.shape import metadata_of

_CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com",
    "aws-cn": "https://{region}.console.amazonaws.cn",
    "aws-us-gov": "https://console.amazonaws-us-gov.com",
}


def console_url(partition: str, region: str, state_machine_arn: str) -> str:
    """The state machine's page in the AWS console."""
    return f"{console_host(partition, region)}/states/home?region={region}#/statemachines/view/{state_machine_arn}"


def console_host(partition: str, region: str) -> str:
    """Address of the AWS console of a region."""
    return _CONSOLES[partition].format(region=region)


def metaflow_config(identity: Mapping[str, str | None]) -> dict[str, str]:
    """The METAFLOW_* settings with which a laptop reaches the stack; written as JSON it is a file Metaflow takes.

    `identity` has bucket, prefix and queue, and where there are any: table, job_role, states_role, events_role,
    execution_role, service_url, name_prefix. Anything None is left out.
    """
    root = f"s3://{identity['bucket']}/{identity['prefix']}"
    settings = {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": root,
        "METAFLOW_DATATOOLS_S3ROOT": f"{root}/data",
        "METAFLOW_BATCH_JOB_QUEUE": identity["queue"],
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": identity.get("job_role"),
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": identity.get("execution_role"),
        "METAFLOW_SFN_IAM_ROLE": identity.get("states_role"),
        "METAFLOW_SFN_DYNAMO_DB_TABLE": identity.get("table"),
        "METAFLOW_SFN_STATE_MACHINE_PREFIX": identity.get("name_prefix"),
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": identity.get("events_role"),
        "METAFLOW_DEFAULT_METADATA": metadata_of(identity.get("service_url")),
        "METAFLOW_SERVICE_URL": identity.get("service_url"),
    }
    return {name: value for name, value in settings.items() if value is not None}
