"""The emulator answers what Pulumi's official aws provider asks beside what the local plugin and Metaflow do.

Which calls those are is read from terraform-provider-aws, `internal/service/<service>/`; each test names the files.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flowinfra.local import platform, run
from tests.local.support import Aws, machine, unique

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def client(aws: Aws, service: str) -> Any:
    return run.client(aws.instance, service)


def absent(call: Any, *codes: str, **arguments: Any) -> None:
    """The call answers that there is no such configuration, in AWS's words."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] in codes


def test_who_deploys(aws: Aws) -> None:
    """conns/config.go, aws-sdk-go-base: the account is asked for before anything else."""
    assert client(aws, "sts").get_caller_identity()["Account"] == "123456789012"
    assert client(aws, "iam").get_role(RoleName=platform.STATES_ROLE)["Role"]["Arn"]


def test_a_state_machine(aws: Aws) -> None:
    """sfn/state_machine.go: validated at plan time, versions listed with each read."""
    definition = machine(only={"Type": "Pass", "End": True})
    assert aws.states.validate_state_machine_definition(definition=json.dumps(definition))["result"] == "OK"
    arn = aws.deploy(definition)
    assert aws.states.describe_state_machine(stateMachineArn=arn)["status"] == "ACTIVE"
    assert aws.states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"] == []
    assert aws.states.list_tags_for_resource(resourceArn=arn)["tags"] == []


def test_a_state_machine_keeps_what_an_update_leaves_out(aws: Aws) -> None:
    group = client(aws, "logs")
    group.create_log_group(logGroupName=(name := f"/{unique('history')}"))
    logging: Any = {
        "level": "ALL",
        "includeExecutionData": True,
        "destinations": [
            {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{name}:*"}}
        ],
    }
    definition = json.dumps(machine(only={"Type": "Pass", "End": True}))
    arn = aws.states.create_state_machine(
        name=unique("kept"),
        definition=definition,
        roleArn=platform.role_arn(platform.STATES_ROLE),
        loggingConfiguration=logging,
    )["stateMachineArn"]
    aws.states.update_state_machine(stateMachineArn=arn, definition=definition)
    assert aws.states.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"] == logging
    aws.states.update_state_machine(
        stateMachineArn=arn, definition=definition, loggingConfiguration={"level": "OFF", "includeExecutionData": False}
    )
    assert aws.states.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"]["level"] == "OFF"


def test_a_job_definition(aws: Aws) -> None:
    """batch/job_definition.go."""
    arn = aws.define("true", tags={"a": "1"})
    (found,) = aws.batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
    assert found["status"] == "ACTIVE"
    assert aws.batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1"}
    aws.batch.tag_resource(resourceArn=arn, tags={"b": "2"})
    aws.batch.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert aws.batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


def test_a_role(aws: Aws) -> None:
    """iam/role.go reads a role's policies, inline and attached, and its instance profiles when it goes."""
    iam, name = client(aws, "iam"), unique("role")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "1"}])
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(
        RoleName=name,
        PolicyName="flow",
        PolicyDocument=policy,
    )
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["flow"]
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    assert iam.list_role_tags(RoleName=name)["Tags"] == [{"Key": "a", "Value": "1"}]
    assert iam.get_role_policy(RoleName=name, PolicyName="flow")["PolicyDocument"]["Version"] == "2012-10-17"
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=TRUST)
    iam.update_role_description(RoleName=name, Description="x")
    iam.update_role(RoleName=name, MaxSessionDuration=3600)


def test_a_rule_and_its_target(aws: Aws) -> None:
    """events/rule.go, events/target.go."""
    events, name = client(aws, "events"), unique("rule")
    arn = events.put_rule(Name=name, ScheduleExpression="rate(1 day)", State="DISABLED", EventBusName="default",
                          Tags=[{"Key": "a", "Value": "1"}])["RuleArn"]  # fmt: skip
    machine = {"Arn": "arn:aws:states:us-east-1:1:stateMachine:x", "RoleArn": "arn:aws:iam::123456789012:role/x"}
    events.put_targets(Rule=name, EventBusName="default", Targets=[{"Id": "t", **machine}])
    assert events.describe_rule(Name=name, EventBusName="default")["State"] == "DISABLED"
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    assert events.list_targets_by_rule(Rule=name, EventBusName="default")["Targets"][0]["Id"] == "t"


def test_a_schedule(aws: Aws) -> None:
    """scheduler/schedule.go."""
    client_, name = client(aws, "scheduler"), unique("schedule")
    arguments = {
        "Name": name,
        "ScheduleExpression": "rate(1 day)",
        "ScheduleExpressionTimezone": "UTC",
        "State": "DISABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:x",
            "RoleArn": platform.role_arn(platform.EVENTS_ROLE),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10},
        },
    }
    arn = client_.create_schedule(**arguments)["ScheduleArn"]
    assert arn.endswith(f":schedule/default/{name}")
    with pytest.raises(client_.exceptions.ConflictException):
        client_.create_schedule(**arguments)
    found = client_.get_schedule(GroupName="default", Name=name)
    assert (found["Arn"], found["State"], found["ActionAfterCompletion"]) == (arn, "DISABLED", "NONE")
    client_.update_schedule(GroupName="default", **{**arguments, "ScheduleExpression": "rate(2 days)"})
    assert client_.get_schedule(GroupName="default", Name=name)["ScheduleExpression"] == "rate(2 days)"
    client_.delete_schedule(GroupName="default", Name=name)
    with pytest.raises(client_.exceptions.ResourceNotFoundException):
        client_.get_schedule(GroupName="default", Name=name)


def test_a_log_group(aws: Aws) -> None:
    """logs/group.go."""
    logs, name = client(aws, "logs"), f"/{unique('group')}"
    logs.create_log_group(logGroupName=name, tags={"a": "1"})
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    arn = found["arn"].removesuffix(":*")
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1"}
    logs.tag_resource(resourceArn=arn, tags={"b": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


def test_an_object(aws: Aws) -> None:
    """s3/object.go: written with a checksum, which HeadObject is asked for."""
    body, key = b"package", unique("data")
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    aws.s3.put_object(Bucket=platform.NAME, Key=key, Body=body, ChecksumAlgorithm="SHA256", Tagging="a=1",
                      ContentType="binary/octet-stream")  # fmt: skip
    head = aws.s3.head_object(Bucket=platform.NAME, Key=key, ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ContentLength"]) == (checksum, len(body))
    assert head["ETag"].strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest()
    assert aws.s3.get_object_tagging(Bucket=platform.NAME, Key=key)["TagSet"] == [{"Key": "a", "Value": "1"}]
    aws.s3.put_object(Bucket=platform.NAME, Key=key, Body=body, ChecksumAlgorithm="CRC32")
    assert "ChecksumCRC32" in aws.s3.head_object(Bucket=platform.NAME, Key=key, ChecksumMode="ENABLED")
    absent(aws.s3.head_object, "404", "NotFound", Bucket=platform.NAME, Key=key + "-not", ChecksumMode="ENABLED")


def test_a_bucket(aws: Aws) -> None:
    """s3/bucket.go reads all that a bucket can have."""
    s3, name = aws.s3, unique("bucket")
    s3.create_bucket(Bucket=name)
    s3.head_bucket(Bucket=name)
    s3.get_bucket_acl(Bucket=name)
    s3.get_bucket_versioning(Bucket=name)
    s3.get_bucket_accelerate_configuration(Bucket=name)
    assert s3.get_bucket_request_payment(Bucket=name)["Payer"] == "BucketOwner"
    s3.get_bucket_logging(Bucket=name)
    s3.get_bucket_location(Bucket=name)
    absent(s3.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", Bucket=name)
    absent(s3.get_bucket_policy, "NoSuchBucketPolicy", Bucket=name)
    absent(s3.get_bucket_cors, "NoSuchCORSConfiguration", Bucket=name)
    absent(s3.get_bucket_website, "NoSuchWebsiteConfiguration", Bucket=name)
    absent(s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", Bucket=name)
    absent(s3.get_bucket_replication, "ReplicationConfigurationNotFoundError", Bucket=name)
    absent(s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", Bucket=name)
    absent(s3.get_bucket_tagging, "NoSuchTagSet", Bucket=name)
    absent(s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", Bucket=name)


def test_a_table(aws: Aws) -> None:
    """dynamodb/table.go."""
    dynamodb, name = client(aws, "dynamodb"), unique("table")
    arn = dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pathspec", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pathspec", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "a", "Value": "1"}],
    )["TableDescription"]["TableArn"]
    dynamodb.describe_continuous_backups(TableName=name)
    dynamodb.describe_time_to_live(TableName=name)
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]


def test_a_queue_and_its_compute_environment(aws: Aws) -> None:
    """batch/job_queue.go, batch/compute_environment.go."""
    (queue,) = aws.batch.describe_job_queues(jobQueues=[platform.NAME])["jobQueues"]
    (order,) = queue["computeEnvironmentOrder"]
    (environment,) = aws.batch.describe_compute_environments(computeEnvironments=[order["computeEnvironment"]])[
        "computeEnvironments"
    ]
    assert (queue["status"], environment["status"]) == ("VALID", "VALID")
    for arn in (queue["jobQueueArn"], environment["computeEnvironmentArn"]):
        assert aws.batch.list_tags_for_resource(resourceArn=arn)["tags"] == {}
