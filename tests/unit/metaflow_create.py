"""Metaflow's own `step-functions create`, run for real against moto: what our compiler is compared with."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

REGION = "eu-west-3"
ACCOUNT = "arn:aws:iam::123456789012:role/"
FARGATE_QUEUE = "fargate-queue"
IDENTITY = {
    "bucket": "a-bucket",
    "prefix": "some/prefix",
    "queue": "a-queue",
    "table": "a-table",
    "region": REGION,
    "owner": "an.owner",
    "job-role": ACCOUNT + "jobs",
    "execution-role": ACCOUNT + "execution",
}


@dataclass
class Account:
    """An AWS account of moto's, with a job queue of each platform."""

    endpoint: str

    def client(self, service: str) -> Any:
        connect: Any = boto3.client
        return connect(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@dataclass
class Created:
    """What Metaflow's command left in the account."""

    definition: dict[str, Any]
    jobs: dict[str, dict[str, Any]]
    """ARN of a job definition → what was registered."""
    rule: dict[str, Any] | None
    objects: dict[str, bytes]
    """Key → stored bytes."""
    token: str


@contextmanager
def account() -> Iterator[Account]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = Account(f"http://{host}:{port}")
    try:
        # moto keeps its state for the whole process, where another module's account may have been before
        requests.post(f"{made.endpoint}/moto-api/reset", timeout=60).raise_for_status()
        made.client("s3").create_bucket(
            Bucket=IDENTITY["bucket"], CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        batch = made.client("batch")
        iam, ec2 = made.client("iam"), made.client("ec2")
        iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")
        iam.create_instance_profile(InstanceProfileName="instances")
        network = {
            "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
            "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
        }
        ec2_only = {"minvCpus": 0, "instanceTypes": ["optimal"], "instanceRole": "instances"}
        for kind, queue, more in (
            ("EC2", IDENTITY["queue"], ec2_only),
            ("EC2", "gpu-queue", ec2_only),
            ("FARGATE", FARGATE_QUEUE, {}),
        ):
            environment = batch.create_compute_environment(
                computeEnvironmentName=queue,
                type="MANAGED",
                computeResources={"type": kind, "maxvCpus": 4, **network, **more},
                serviceRole=iam.get_role(RoleName="batch")["Role"]["Arn"],
            )
            batch.create_job_queue(
                jobQueueName=queue,
                state="ENABLED",
                priority=1,
                computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}],
            )
        yield made
    finally:
        server.stop()


def create(account: Account, flow: Path, home: Path, options: list[str], env: dict[str, str]) -> Created:
    """Run the flow's own command line as a user would, with real boto3, from a copy outside of git."""
    settings = {
        "DATASTORE_SYSROOT_S3": f"s3://{IDENTITY['bucket']}/{IDENTITY['prefix']}",
        "BATCH_JOB_QUEUE": IDENTITY["queue"],
        "ECS_S3_ACCESS_IAM_ROLE": IDENTITY["job-role"],
        "SFN_DYNAMO_DB_TABLE": IDENTITY["table"],
        "SFN_IAM_ROLE": ACCOUNT + "states",
        "EVENTS_SFN_ACCESS_IAM_ROLE": ACCOUNT + "events",
        "USER": IDENTITY["owner"],
        "HOME": str(home / "metaflow"),
        # without it Metaflow takes --aws-batch-tag and tags nothing
        "BATCH_EMIT_TAGS": "1" if "--aws-batch-tag" in options else "",
    }
    folder = shutil.copytree(flow.parent, home / "flow")
    done = subprocess.run(
        [sys.executable, flow.name, "--no-pylint", "--datastore=s3", "--metadata=local", *options],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ENDPOINT_URL": account.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "PYTHONDONTWRITEBYTECODE": "1",
            **{f"METAFLOW_{name}": value for name, value in settings.items()},
            **env,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return _created(account)


def _created(account: Account) -> Created:
    """Read all that the command made, and leave the account empty for the next one."""
    states, batch, events, s3 = map(account.client, ("stepfunctions", "batch", "events", "s3"))
    [machine] = states.list_state_machines()["stateMachines"]
    found = states.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
    definition = json.loads(found["definition"])
    states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
    jobs = {}
    for job in batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]:
        jobs[job["jobDefinitionArn"]] = job
        batch.deregister_job_definition(jobDefinition=job["jobDefinitionArn"])
    rule = None
    for rule in events.list_rules()["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        events.remove_targets(Rule=rule["Name"], Ids=[target["Id"] for target in targets])
        events.delete_rule(Name=rule["Name"])
        rule["Input"] = targets[0]["Input"]
    objects = {}
    for entry in s3.list_objects_v2(Bucket=IDENTITY["bucket"]).get("Contents", []):
        objects[entry["Key"]] = s3.get_object(Bucket=IDENTITY["bucket"], Key=entry["Key"])["Body"].read()
        s3.delete_object(Bucket=IDENTITY["bucket"], Key=entry["Key"])
    start = definition["States"][definition["StartAt"]]
    return Created(definition, jobs, rule, objects, start["Parameters"]["Parameters"]["metaflow.production_token"])


def members(archive: bytes) -> dict[str, bytes]:
    """Files of a code package, by path."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as packed:
        return {
            member.name: file.read() for member in packed if member.isfile() and (file := packed.extractfile(member))
        }
