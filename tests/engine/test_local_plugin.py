"""The local aws plugin under the real engine: every resource type through its life, and what it must refuse."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation

from flowinfra.targets.step_functions.machine import StateMachine
from tests.engine.beside import messaging
from tests.engine.conftest import Cloud, Stack

MakeStack = Callable[..., Stack]

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
SCHEDULER = TRUST.replace("states.", "scheduler.")
ROLE = "arn:aws:iam::123456789012:role/somebody"


def definition(comment: str = "") -> str:
    return json.dumps({"StartAt": "start", "States": {"start": {"Type": "Pass", "Comment": comment, "End": True}}})


def container(memory: int = 4096) -> str:
    return json.dumps({"image": "python:3.11", "memory": memory, "vcpus": 1, "command": ["true"]})


def policy(action: str) -> str:
    statement = {"Effect": "Allow", "Action": [action], "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def dotted(
    name: str, text: pulumi.Input[str], role: pulumi.Input[str] = ROLE, tags: Any = None
) -> pulumi.CustomResource:
    """A state machine of flowinfra's own provider."""
    return StateMachine(
        "dotted",
        name=name,
        definition=text,
        role_arn=role,
        logging_configuration={"level": "OFF"},
        tags=tags,
        opts=pulumi.ResourceOptions(),
    )


def everything(name: str, version: str) -> Callable[[], None]:
    """A program with a resource of each type; what can change in place differs between versions."""
    second = version == "2"
    tags = {"version": version, **({"dotted.key": "x"} if second else {})}

    def program() -> None:
        bucket = aws.s3.Bucket("bucket", bucket=name, force_destroy=True, tags=tags)
        aws.s3.BucketVersioning(
            "versioning",
            bucket=bucket.bucket,
            versioning_configuration={"status": "Suspended" if second else "Enabled"},
        )
        aws.s3.BucketPublicAccessBlock(
            "access", bucket=bucket.bucket, block_public_acls=True, block_public_policy=second
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            "encryption",
            bucket=bucket.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"},
                    "bucket_key_enabled": second,
                }
            ],
        )
        aws.s3.BucketLifecycleConfiguration(
            "lifecycle",
            bucket=bucket.bucket,
            rules=[{"id": "old", "status": "Enabled", "expiration": {"days": 30 if second else 7}}],
        )
        content = pulumi.StringAsset(f"content {version}")
        aws.s3.BucketObjectv2("object", bucket=bucket.bucket, key="flow/data/ab/abc", source=content, tags=tags)
        aws.s3.BucketObject("old-object", bucket=bucket.bucket, content=f"text {version}")
        role = aws.iam.Role("role", name=f"{name}-role", assume_role_policy=TRUST, description=version, tags=tags)
        aws.iam.RolePolicy("role-policy", role=role.name, policy=policy("s3:PutObject" if second else "s3:GetObject"))
        starts = aws.iam.Role("starts", name=f"{name}-starts", assume_role_policy=SCHEDULER, description=version)
        profile = aws.iam.InstanceProfile("profile", role=role.name, tags=tags)
        job = aws.batch.JobDefinition(
            "job",
            name=f"{name}-job",
            type="container",
            container_properties=container(8192 if second else 4096),
            retry_strategy={"attempts": 2},
            timeout={"attempt_duration_seconds": 600},
            deregister_on_new_revision=False,
            tags=tags,
        )
        machine = aws.sfn.StateMachine(
            "machine",
            name=f"{name}-machine",
            role_arn=role.arn,
            definition=job.arn.apply(definition),
            tags=tags,
        )
        other = dotted(f"{name}.prod.Flow", definition(version), role.arn, tags)
        rule = aws.cloudwatch.EventRule(
            "rule",
            name=f"{name}-rule",
            schedule_expression="cron(0 10 * * ? *)",
            state="DISABLED" if second else "ENABLED",
            tags=tags,
        )
        aws.cloudwatch.EventTarget(
            "target",
            rule=rule.name,
            arn=machine.arn,
            role_arn=role.arn,
            input=json.dumps({"Parameters": version}),
            retry_policy={"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 2},
        )
        aws.scheduler.Schedule(
            "schedule",
            name=f"{name}-schedule",
            schedule_expression="cron(0 10 * * ? *)",
            schedule_expression_timezone="Asia/Tokyo" if second else None,
            state="DISABLED" if second else "ENABLED",
            flexible_time_window={"mode": "OFF"},
            target={"arn": machine.arn, "role_arn": starts.arn, "input": json.dumps({"Parameters": version})},
        )
        aws.cloudwatch.LogGroup("logs", name=f"/{name}", retention_in_days=14 if second else 7, tags=tags)
        aws.cloudwatch.LogResourcePolicy(
            "logs-policy",
            policy_name=name,
            policy_document=policy("logs:PutLogEvents" if second else "logs:CreateLogStream"),
        )
        aws.dynamodb.Table(
            "table",
            name=name,
            hash_key="pathspec",
            attributes=[{"name": "pathspec", "type": "S"}],
            billing_mode="PAY_PER_REQUEST",
            point_in_time_recovery={"enabled": second},
            ttl={"attribute_name": "ttl", "enabled": True},
            tags=tags,
        )
        vpc = aws.ec2.get_vpc(default=True)
        subnets = aws.ec2.get_subnets(filters=[{"name": "vpc-id", "values": [vpc.id]}])
        group = aws.ec2.SecurityGroup(
            "group",
            name=f"{name}-group",
            vpc_id=vpc.id,
            egress=[
                {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["0.0.0.0/0"]}
                if second
                else {"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}
            ],
            tags=tags,
        )
        compute = aws.batch.ComputeEnvironment(
            "compute",
            name=f"{name}-compute",
            type="MANAGED",
            state="ENABLED",
            service_role=role.arn,
            compute_resources={
                "type": "EC2",
                "max_vcpus": 16,
                "subnets": subnets.ids,
                "security_group_ids": [group.id],
                "instance_types": ["optimal"],
                "instance_role": profile.arn,
            },
            tags=tags,
        )
        aws.batch.JobQueue(
            "queue",
            name=f"{name}-queue",
            priority=2 if second else 1,
            state="ENABLED",
            compute_environment_orders=[{"order": 1, "compute_environment": compute.arn}],
            tags=tags,
        )
        aws.eks.PodIdentityAssociation(
            "pods",
            cluster_name="prod",
            namespace="flows",
            service_account=f"{name}-pods",
            role_arn=role.arn,
            tags=tags,
        )
        aws.secretsmanager.Secret("secret", name=name, description=version, recovery_window_in_days=0, tags=tags)
        messaging(name, second=second, tags=tags)
        pulumi.export("job", job.arn)
        pulumi.export("revision", job.revision)
        pulumi.export("dotted", other.id)
        pulumi.export("account", aws.get_caller_identity().account_id)
        pulumi.export("region", aws.get_region().region)
        pulumi.export("partition", aws.get_partition().partition)

    return program


def test_life_of_every_type(stack: MakeStack, cloud: Cloud) -> None:
    it = stack()
    name = it.name
    eks = cloud.client("eks")
    if "prod" not in eks.list_clusters()["clusters"]:
        vpc: dict[str, list[str]] = {"subnetIds": []}
        eks.create_cluster(name="prod", roleArn="arn:aws:iam::123456789012:role/eks", resourcesVpcConfig=vpc)

    created = it.up(everything(name, "1"))
    assert set(created.values()) == {"create"}
    outputs = it.outputs()
    assert outputs["job"].endswith(f"job-definition/{name}-job:1")
    assert (outputs["account"], outputs["region"], outputs["partition"]) == ("123456789012", "us-east-1", "aws")
    assert outputs["dotted"].endswith(f":stateMachine:{name}.prod.Flow")
    assert any("local stand-in for pulumi-aws" in message for message in it.messages)

    assert set(it.preview(everything(name, "1")).values()) == {"same"}
    assert set(it.refresh().values()) <= {"same", "refresh"}
    assert set(it.preview(everything(name, "1")).values()) == {"same"}

    previewed = it.preview(everything(name, "2"))
    # an attachment has nothing that changes in place
    assert previewed == dict.fromkeys(created, "update") | {"attached": "same"}
    assert it.up(everything(name, "2")) == previewed
    assert it.outputs()["revision"] == 2
    machine = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=it.outputs()["dotted"])
    assert machine["definition"] == definition("2")
    tags = cloud.client("iam").list_role_tags(RoleName=f"{name}-role")["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"version": "2", "dotted.key": "x"}
    assert set(it.preview(everything(name, "2")).values()) == {"same"}
    assert set(it.refresh().values()) <= {"same", "refresh"}
    assert outputs["ordered"].endswith(".fifo")
    cloud.client("sns").publish(
        TopicArn=outputs["topic"],
        Message="hello",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "late"}},
    )
    (message,) = cloud.client("sqs").receive_message(QueueUrl=outputs["queue"])["Messages"]
    assert message["Body"] == "hello"

    assert it.destroy() == dict.fromkeys(created, "delete")
    assert (
        cloud.client("batch").describe_job_definitions(jobDefinitionName=f"{name}-job", status="ACTIVE")[
            "jobDefinitions"
        ]
        == []
    )
    assert eks.list_pod_identity_associations(clusterName="prod", namespace="flows")["associations"] == []
    assert name not in {item["Name"] for item in cloud.client("s3").list_buckets()["Buckets"]}


def test_types_that_are_not_known_are_kept_and_told(stack: MakeStack) -> None:
    def program(days: int, **more: Any) -> Callable[[], None]:
        def declare() -> None:
            key = aws.kms.Key("key", deletion_window_in_days=days, description=pulumi.Output.secret("hush"), **more)
            alias = aws.kms.Alias("alias", name="alias/app", target_key_id=key.id)
            aws.sns.Topic("topic", display_name=key.arn)
            pulumi.export("key", key.arn)
            pulumi.export("alias", alias.arn)

        return declare

    def told() -> bool:
        return any("has no aws:kms/key:Key: nothing is made of it" in message for message in it.messages)

    it = stack()
    assert set(it.preview(program(7)).values()) == {"create"}
    assert told()
    it.up(program(7))
    assert told()
    outputs = it.outputs()
    assert outputs["key"].startswith("arn:aws:kms:us-east-1:123456789012:key/key-")
    assert outputs["alias"] == "arn:aws:kms:us-east-1:123456789012:alias/alias/app"
    assert set(it.preview(program(7)).values()) == {"same"}
    assert set(it.refresh().values()) <= {"same", "refresh"}
    changed = it.up(program(8, tags={"a": "b"}))
    assert (changed.pop("key"), set(changed.values())) == ("update", {"same"})
    assert it.outputs() == outputs
    assert set(it.destroy().values()) == {"delete"}


def test_refresh_shows_what_others_changed_and_up_mends_it(stack: MakeStack, cloud: Cloud) -> None:
    it = stack()
    name = it.name
    states, events, iam = cloud.client("stepfunctions"), cloud.client("events"), cloud.client("iam")

    def program() -> None:
        role = aws.iam.Role("role", name=name, assume_role_policy=TRUST)
        aws.iam.RolePolicy("policy", name="inline", role=role.name, policy=policy("s3:GetObject"))
        aws.sfn.StateMachine("machine", name=name, role_arn=ROLE, definition=definition(), tags={"ours": "yes"})
        aws.cloudwatch.EventRule("rule", name=name, schedule_expression="rate(1 day)")
        aws.batch.JobDefinition("job", name=name, type="container", container_properties=container())
        aws.cloudwatch.LogGroup("logs", name=name)

    it.up(program)
    machine = it.resources()["machine"]["id"]
    states.update_state_machine(stateMachineArn=machine, definition=definition("by hand"))
    states.tag_resource(resourceArn=machine, tags=[{"key": "theirs", "value": "x"}])
    events.put_rule(Name=name, ScheduleExpression="rate(2 days)")
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy("s3:*"))
    cloud.client("batch").deregister_job_definition(jobDefinition=it.resources()["job"]["outputs"]["arn"])
    cloud.client("logs").delete_log_group(logGroupName=name)

    found = it.refresh()
    assert {key for key, op in found.items() if op == "update"} >= {"machine", "rule", "policy"}
    assert {key for key, op in found.items() if op == "delete"} == {"job", "logs"}
    state = it.resources()["machine"]
    assert state["outputs"]["definition"] == definition("by hand")
    assert state["inputs"]["tags"] == {"ours": "yes"}
    assert state["outputs"]["tags"] == {"ours": "yes", "theirs": "x"}

    mended = {"machine": "update", "rule": "update", "policy": "update", "job": "create", "logs": "create"}
    assert it.up(program) == {"role": "same", **mended}
    found = states.describe_state_machine(stateMachineArn=machine)
    assert found["definition"] == definition()
    assert states.list_tags_for_resource(resourceArn=machine)["tags"] == [{"key": "ours", "value": "yes"}]
    assert set(it.preview(program).values()) == {"same"}


def test_a_made_up_name_stays_after_a_refresh(stack: MakeStack) -> None:
    it = stack()

    def program() -> None:
        aws.iam.Role("role", name_prefix=f"{it.name}-", assume_role_policy=TRUST)
        aws.cloudwatch.LogGroup("logs", name_prefix=f"{it.name}-")
        aws.s3.Bucket("bucket", bucket_prefix=f"{it.name}-")

    it.up(program)
    it.refresh()
    assert set(it.preview(program).values()) == {"same"}


def test_what_replaces_and_what_does_not(stack: MakeStack, cloud: Cloud) -> None:
    it = stack()
    name = it.name

    def program(suffix: str, kind: str = "STANDARD") -> Callable[[], None]:
        def declare() -> None:
            role = aws.iam.Role("role", name=f"{name}{suffix}", assume_role_policy=TRUST)
            aws.iam.RolePolicy("policy", name="inline", role=role.name, policy=policy("s3:GetObject"))
            aws.sfn.StateMachine("machine", name=f"{name}{suffix}", role_arn=ROLE, definition=definition())
            aws.sfn.StateMachine("kind", name=f"{name}-kind", role_arn=ROLE, definition=definition(), type=kind)
            dotted(f"{name}.p{suffix}", definition())
            aws.batch.JobDefinition("job", name=f"{name}{suffix}", type="container", container_properties=container())
            aws.cloudwatch.EventRule("rule", name=f"{name}{suffix}", schedule_expression="rate(1 day)")
            aws.cloudwatch.LogGroup("logs", name=f"{name}{suffix}")

        return declare

    created = it.up(program(""))
    replaced = it.up(program("-other", "EXPRESS"))
    assert replaced == dict.fromkeys(created, "replace")
    kind = it.resources()["kind"]["id"]
    assert cloud.client("stepfunctions").describe_state_machine(stateMachineArn=kind)["type"] == "EXPRESS"
    assert set(it.preview(program("-other", "EXPRESS")).values()) == {"same"}


def test_revisions_of_a_job_definition(stack: MakeStack, cloud: Cloud) -> None:
    it = stack()
    name = it.name
    batch = cloud.client("batch")

    def program(properties: str, keep: bool, tags: dict[str, str] | None = None) -> Callable[[], None]:
        def declare() -> None:
            job = aws.batch.JobDefinition(
                "job",
                name=name,
                type="container",
                container_properties=properties,
                deregister_on_new_revision=not keep,
                tags=tags,
            )
            aws.sfn.StateMachine("machine", name=name, role_arn=ROLE, definition=job.arn.apply(definition))

        return declare

    def statuses() -> dict[int, str]:
        found = batch.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"]
        return {item["revision"]: item["status"] for item in found}

    it.up(program(container(), keep=True))
    # The same container in other words: order of keys, an empty list, an empty variable.
    reworded = json.dumps(
        {**dict(reversed(json.loads(container()).items())), "volumes": [], "environment": [{"name": "A", "value": ""}]}
    )
    assert set(it.preview(program(reworded, keep=True)).values()) == {"same"}
    # Tags alone make no revision.
    assert it.up(program(container(), keep=True, tags={"a": "b"})) == {"job": "update", "machine": "same"}
    assert statuses() == {1: "ACTIVE"}
    # A new revision: its number is unknown in the preview, so the machine is an update there too.
    assert it.preview(program(container(2048), keep=True)) == {"job": "update", "machine": "update"}
    it.up(program(container(2048), keep=True))
    assert statuses() == {1: "ACTIVE", 2: "ACTIVE"}
    it.up(program(container(1024), keep=False))
    assert statuses()[2] == "INACTIVE"
    assert statuses()[1] == statuses()[3] == "ACTIVE"
    it.destroy()
    assert set(statuses().values()) <= {"INACTIVE"}


def test_import(stack: MakeStack, cloud: Cloud) -> None:
    it = stack()
    name = it.name
    iam = cloud.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "b"}])
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy("s3:GetObject"))
    machine = cloud.client("stepfunctions").create_state_machine(name=name, definition=definition(), roleArn=ROLE)[
        "stateMachineArn"
    ]
    job = cloud.client("batch").register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=json.loads(container())
    )["jobDefinitionArn"]
    cloud.client("logs").create_log_group(logGroupName=name)
    cloud.client("s3").create_bucket(Bucket=name)
    cloud.client("events").put_rule(Name=name, ScheduleExpression="rate(1 day)")
    cloud.client("events").put_targets(Rule=name, Targets=[{"Id": "one", "Arn": machine, "RoleArn": ROLE}])
    cloud.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def program(imported: bool) -> Callable[[], None]:
        def there(identifier: str) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(import_=identifier if imported else None)

        def declare() -> None:
            aws.iam.Role("role", name=name, assume_role_policy=TRUST, tags={"a": "b"}, opts=there(name))
            aws.iam.RolePolicy(
                "policy", name="inline", role=name, policy=policy("s3:GetObject"), opts=there(f"{name}:inline")
            )
            aws.sfn.StateMachine("machine", name=name, role_arn=ROLE, definition=definition(), opts=there(machine))
            aws.batch.JobDefinition(
                "job", name=name, type="container", container_properties=container(), opts=there(job)
            )
            aws.cloudwatch.LogGroup("logs", name=name, opts=there(name))
            aws.s3.Bucket("bucket", bucket=name, opts=there(name))
            aws.cloudwatch.EventRule("rule", name=name, schedule_expression="rate(1 day)", opts=there(name))
            aws.cloudwatch.EventTarget(
                "target", rule=name, target_id="one", arn=machine, role_arn=ROLE, opts=there(f"{name}/one")
            )
            aws.dynamodb.Table(
                "table",
                name=name,
                hash_key="k",
                attributes=[{"name": "k", "type": "S"}],
                billing_mode="PAY_PER_REQUEST",
                opts=there(name),
            )

        return declare

    assert set(it.up(program(imported=True)).values()) == {"import"}
    assert set(it.preview(program(imported=False)).values()) == {"same"}
    it.destroy()


def test_what_exists_is_refused(stack: MakeStack, cloud: Cloud) -> None:
    first, second = stack(), stack()
    name = first.name

    def program(comment: str) -> Callable[[], None]:
        def declare() -> None:
            aws.iam.Role("role", name=name, assume_role_policy=TRUST)
            aws.sfn.StateMachine("machine", name=name, role_arn=ROLE, definition=definition(comment))
            dotted(f"{name}.p", definition(comment))
            aws.s3.Bucket("bucket", bucket=name)
            aws.cloudwatch.LogGroup("logs", name=name)
            aws.dynamodb.Table(
                "table",
                name=name,
                hash_key="k",
                attributes=[{"name": "k", "type": "S"}],
                billing_mode="PAY_PER_REQUEST",
            )

        return declare

    first.up(program("one"))
    with pytest.raises(automation.CommandError):
        second.up(program("two"), continue_on_error=True)
    errors = "\n".join(second.messages)
    assert f"creating IAM Role ({name}): EntityAlreadyExists" in errors
    assert f"creating Step Functions State Machine ({name}): StateMachineAlreadyExists" in errors
    assert errors.count("StateMachineAlreadyExists") >= 2
    assert f"creating S3 Bucket ({name}): BucketAlreadyExists" in errors
    assert f"creating CloudWatch Logs Log Group ({name}): ResourceAlreadyExistsException" in errors
    assert f"creating DynamoDB Table ({name}): ResourceInUseException" in errors
    assert "Traceback" not in errors
    assert second.resources() == {}


def test_bad_input_fails_at_preview(stack: MakeStack) -> None:
    it = stack()

    def program() -> None:
        aws.sfn.StateMachine("dots", name="fraud.prod.Flow", role_arn=ROLE, definition=definition())

    with pytest.raises(automation.CommandError):
        it.preview(program)
    errors = "\n".join(it.messages)
    assert "invalid value for name (the name should only contain 0-9, A-Z, a-z, - and _)" in errors
    assert "Traceback" not in errors
    assert it.resources() == {}


@pytest.mark.skipif(os.environ.get("FLOWINFRA_AWS_PROVIDER") == "official", reason="a promise of the stand-in alone")
@pytest.mark.parametrize(
    "endpoint",
    ["https://states.us-east-1.amazonaws.com", "http://192.0.2.1:4577", "http://127.0.0.1.example.com", ""],
)
def test_only_loopback_endpoints(stack: MakeStack, endpoint: str) -> None:
    it = stack(AWS_ENDPOINT_URL=endpoint)

    def program() -> None:
        aws.s3.Bucket("bucket")

    with pytest.raises(automation.CommandError):
        it.preview(program)
    assert "speaks only to the embedded AWS" in "\n".join(it.messages)


def test_a_provider_of_the_programs_own(stack: MakeStack, cloud: Cloud) -> None:
    it = stack(AWS_ENDPOINT_URL="")
    url = cloud.instance.endpoint

    def program(place: str) -> Callable[[], None]:
        def declare() -> None:
            provider = aws.Provider(
                "local",
                region="us-east-1",
                access_key="test",
                secret_key="test",
                skip_credentials_validation=True,
                skip_requesting_account_id=True,
                s3_use_path_style=True,
                endpoints=[{"s3": place, "sts": place}],
                default_tags={"tags": {"owner": "ml"}},
            )
            aws.s3.Bucket("bucket", tags={"a": "b"}, opts=pulumi.ResourceOptions(provider=provider))

        return declare

    it.up(program(url))
    bucket = it.resources()["bucket"]
    assert bucket["outputs"]["tagsAll"] == {"a": "b", "owner": "ml"}
    tags = cloud.client("s3").get_bucket_tagging(Bucket=bucket["id"])["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"a": "b", "owner": "ml"}
    assert set(it.preview(program(url)).values()) == {"same"}
    with pytest.raises(automation.CommandError):
        it.preview(program("https://s3.amazonaws.com"))
    assert "speaks only to the embedded AWS" in "\n".join(it.messages)


def test_secrets_stay_secret(stack: MakeStack, cloud: Cloud) -> None:
    it = stack()
    name = it.name

    def program(value: str) -> Callable[[], None]:
        def declare() -> None:
            hidden = pulumi.Output.secret(value)
            aws.sfn.StateMachine(
                "machine",
                name=name,
                role_arn=ROLE,
                definition=hidden.apply(definition),
            )
            dotted(f"{name}.p", hidden.apply(definition), tags={"hidden": hidden})

        return declare

    it.up(program("hush-hush"))
    it.refresh()
    assert set(it.preview(program("hush-hush")).values()) == {"same"}
    it.up(program("hush-hush-2"))
    it.refresh()
    backend = cloud.state.pulumi_backend / ".pulumi" / "stacks" / name
    assert "machine" in (backend / "test.json").read_text()
    assert "hush-hush" not in (backend / "test.json").read_text()
    assert "hush-hush" not in "\n".join(it.messages)


def test_what_is_partly_made_enters_the_state(stack: MakeStack, cloud: Cloud) -> None:
    it = stack()
    name = it.name

    def program() -> None:
        aws.iam.InstanceProfile("profile", name=name, role=name)

    with pytest.raises(automation.CommandError):
        it.up(program)
    assert "adding IAM Role" in "\n".join(it.messages)
    assert it.resources()["profile"]["id"] == name
    cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    it.refresh()
    assert it.up(program) == {"profile": "update"}
    profile = cloud.client("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == [name]


def test_a_file_is_compared_by_its_content(stack: MakeStack, cloud: Cloud, tmp_path: Path) -> None:
    it = stack()
    name = it.name
    bucket = cloud.client("s3")
    bucket.create_bucket(Bucket=name)

    def program(path: Path) -> Callable[[], None]:
        def declare() -> None:
            aws.s3.BucketObjectv2("object", bucket=name, key="a/b", source=pulumi.FileAsset(str(path)))

        return declare

    paths: list[Any] = [tmp_path / "one", tmp_path / "two", tmp_path / "three"]
    for path, content in zip(paths, (b"\x00\xff", b"\x00\xff", b"other"), strict=True):
        path.write_bytes(content)
    it.up(program(paths[0]))
    assert bucket.get_object(Bucket=name, Key="a/b")["Body"].read() == b"\x00\xff"
    assert it.preview(program(paths[1])) == {"object": "same"}
    assert it.up(program(paths[2])) == {"object": "update"}
    assert bucket.get_object(Bucket=name, Key="a/b")["Body"].read() == b"other"
