"""Platforms: what is there already, and a minimal own one."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from flowinfra import Platform, PlatformArgs, StepFunctionsFlow
from tests.components.mocked import ACCOUNT, Program, outputs, run
from tests.unit.components.compiled import compiled


def make(args: PlatformArgs | None = None) -> Program:
    return run(lambda: Platform("platform", args) and None)


def test_what_is_there_already_makes_nothing_and_asks_only_for_what_is_not_said() -> None:
    known = run(lambda: Platform.existing(bucket="b", queue="q", region="us-east-1", account=ACCOUNT) and None)
    assert (known.resources, known.calls) == ([], [])
    asked = run(lambda: Platform.existing(bucket="b", queue="q") and None)
    assert asked.resources == []
    assert sorted(asked.calls) == ["aws:index/getCallerIdentity:getCallerIdentity", "aws:index/getRegion:getRegion"]


def test_the_minimal_platform() -> None:
    program = make()
    kinds = sorted(item.type.rsplit(":", 1)[-1] for item in program.resources)
    assert kinds == [
        "Bucket",
        "BucketPublicAccessBlock",
        "ComputeEnvironment",
        "JobQueue",
        "Platform",
        "SecurityGroup",
        "Table",
    ]
    block = program.one("BucketPublicAccessBlock")
    assert all(
        block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    assert program.one("Table")["hashKey"] == "pathspec"
    assert program.one("Table")["billingMode"] == "PAY_PER_REQUEST"
    compute = program.one("ComputeEnvironment")["computeResources"]
    assert (compute["type"], compute["maxVcpus"], compute["subnets"]) == ("FARGATE", 16, ["subnet-1", "subnet-2"])
    assert compute["securityGroupIds"] == ["platform-compute-network-id"]
    group = program.one("SecurityGroup")
    assert "ingress" not in group


def test_a_network_that_is_given_is_used() -> None:
    program = make({"subnets": ["s"], "security_groups": ["g"]})
    compute = program.one("ComputeEnvironment")["computeResources"]
    assert (compute["subnets"], compute["securityGroupIds"]) == (["s"], ["g"])
    assert program.of("SecurityGroup") == {}
    assert not [call for call in program.calls if "ec2" in call]


def test_ec2() -> None:
    compute = make({"compute": "EC2", "instance_profile": "arn:profile"}).one("ComputeEnvironment")["computeResources"]
    assert (compute["type"], compute["instanceRole"], compute["minVcpus"]) == ("EC2", "arn:profile", 0)
    with pytest.raises(pulumi.RunError, match="instance_profile is missing"):
        make({"compute": "EC2"})


def test_names_are_the_providers_to_make_up() -> None:
    program = make()
    assert all("name" not in program.one(kind) for kind in ("Table", "JobQueue", "ComputeEnvironment"))
    assert program.one("Bucket") == {"tags": {"flowinfra:project": "app", "flowinfra:stack": "dev"}}


def test_a_flow_runs_on_it() -> None:
    flow = compiled("fargate")
    flow = flow.model_copy(
        update={"shape": flow.shape.model_copy(update={"settings": {"METAFLOW_X": "of the compile"}})}
    )

    def program() -> pulumi.Output[Any]:
        platform = Platform("platform")
        return StepFunctionsFlow("flow", {"flow": flow, "platform": platform}).metaflow_config

    config = outputs(program)
    assert config["METAFLOW_X"] == "of the compile"
    assert config["METAFLOW_BATCH_JOB_QUEUE"] == "platform-queue-1"
    assert config["METAFLOW_DATASTORE_SYSROOT_S3"] == "s3://platform-datastore-1/metaflow"
    assert config["METAFLOW_ECS_FARGATE_EXECUTION_ROLE"].endswith("-execution-1")
