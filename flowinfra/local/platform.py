"""The platform that is there before anything is deployed: what an account set up for Metaflow has.

Bucket, table, job queues and roles, so that `Platform.existing` has something to refer to, and so
that Metaflow's own `create` works. Table as in Metaflow's templates: hash key `pathspec`, items
expire by `ttl`.
"""

from __future__ import annotations

import json
from typing import Any

import boto3

from flowinfra.local import identity

NAME = "metaflow-local"
"""Name of bucket, table and job queue; `<NAME>-fargate` is a queue on Fargate."""
FARGATE_QUEUE = f"{NAME}-fargate"
PREFIX = "metaflow"
"""Datastore root: `s3://<NAME>/<PREFIX>`."""
JOB_ROLE = f"{NAME}-job"
EXECUTION_ROLE = f"{NAME}-execution"
STATES_ROLE = f"{NAME}-states"
EVENTS_ROLE = f"{NAME}-events"
_BATCH_ROLE = f"{NAME}-batch"
_SERVICES: dict[str, str | list[str]] = {
    JOB_ROLE: "ecs-tasks.amazonaws.com",
    EXECUTION_ROLE: "ecs-tasks.amazonaws.com",
    STATES_ROLE: "states.amazonaws.com",
    EVENTS_ROLE: ["events.amazonaws.com", "scheduler.amazonaws.com"],
    _BATCH_ROLE: "batch.amazonaws.com",
}


def role_arn(name: str) -> str:
    """ARN of one of the platform's roles, by its name."""
    return f"arn:aws:iam::{identity.ACCOUNT}:role/{name}"


def metaflow_settings() -> dict[str, str]:
    """METAFLOW_* with which Metaflow's own commands use this platform."""
    root = f"s3://{NAME}/{PREFIX}"
    return {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_DATASTORE_SYSROOT_S3": root,
        "METAFLOW_DATATOOLS_S3ROOT": f"{root}/data",
        "METAFLOW_SFN_S3_DISTRIBUTED_MAP_OUTPUT_PATH": f"{root}/distributed_map",
        "METAFLOW_BATCH_JOB_QUEUE": NAME,
        "METAFLOW_SFN_DYNAMO_DB_TABLE": NAME,
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": role_arn(JOB_ROLE),
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": role_arn(EXECUTION_ROLE),
        "METAFLOW_SFN_IAM_ROLE": role_arn(STATES_ROLE),
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": role_arn(EVENTS_ROLE),
    }


def create(endpoint: str) -> None:
    """Make the platform on a fresh emulator, over its own API."""

    def client(service: str) -> Any:
        return session.client(  # type: ignore[call-overload]
            service,
            endpoint_url=endpoint,
            region_name=identity.REGION,
            aws_access_key_id=identity.USER_KEY,
            aws_secret_access_key=identity.SECRET_KEY,
        )

    session = boto3.session.Session()
    client("s3").create_bucket(Bucket=NAME)
    _create_table(client("dynamodb"))
    _create_roles(client("iam"))
    _create_queues(client("batch"), client("ec2"))


def _create_table(dynamodb: Any) -> None:
    dynamodb.create_table(
        TableName=NAME,
        AttributeDefinitions=[{"AttributeName": "pathspec", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pathspec", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.update_time_to_live(TableName=NAME, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})


def _create_roles(iam: Any) -> None:
    for name, service in _SERVICES.items():
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))
    iam.create_instance_profile(InstanceProfileName=NAME)


def _create_queues(batch: Any, ec2: Any) -> None:
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    network = {"maxvCpus": 256, "subnets": [subnet], "securityGroupIds": [group]}
    profile = f"arn:aws:iam::{identity.ACCOUNT}:instance-profile/{NAME}"
    machines = {"type": "EC2", "minvCpus": 0, "instanceTypes": ["optimal"], "instanceRole": profile}
    for name, resources in ((NAME, machines), (FARGATE_QUEUE, {"type": "FARGATE"})):
        batch.create_compute_environment(
            computeEnvironmentName=name,
            type="MANAGED",
            state="ENABLED",
            computeResources={**network, **resources},
            serviceRole=role_arn(_BATCH_ROLE),
        )
        batch.create_job_queue(
            jobQueueName=name,
            state="ENABLED",
            priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}],
        )
