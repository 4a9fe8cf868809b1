"""Platform: where flows run. Infrastructure that is there already (`Platform.existing`), or a minimal own one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypedDict, cast

import pulumi
import pulumi_aws as aws
from typing_extensions import Required

from flowinfra.components import aws_identity
from flowinfra.components.failed_updates import of_component
from flowinfra.components.later import DEAD_LETTERS
from flowinfra.components.names import PROJECT_TAG, STACK_TAG
from flowinfra.components.options import PlatformShape
from flowinfra.components.settings import Settings, together
from flowinfra.components.site import Site
from flowinfra.model.alerts import AlertsConfig, given
from flowinfra.model.events import EventConfig
from flowinfra.model.shape import metadata_of

Compute = Literal["EC2", "FARGATE"]
Partition = Literal["aws", "aws-cn", "aws-us-gov"]


_ROLE = "arn:aws:iam::000000000000:role/role-that-is-being-created-00000000"
_KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class PlatformSettings(Settings[Site]):
    """A platform's identity; values of resources that are being created may be Outputs."""

    plain: ClassVar = Site
    stand_ins: ClassVar = {
        "bucket": "bucket-that-is-being-created-00000000",
        "queue": "queue-that-is-being-created-00000000",
        "table": "table-that-is-being-created-00000000",
        "service_url": "https://service.that.is.being.created/prefix",
        "service_auth_secret": "arn:aws:secretsmanager:us-east-1:000000000000:secret:being-created-AbCdEf",
        "job_role": _ROLE,
        "states_role": _ROLE,
        "events_role": _ROLE,
        "execution_role": _ROLE,
        "dead_letter_queue": DEAD_LETTERS,
        "kms_keys": (_KEY,),
        "event_bus": "event-bus-that-is-being-created-00000000",
    }

    bucket: pulumi.Input[str]
    queue: pulumi.Input[str]
    region: str
    account: str
    prefix: str = "metaflow"
    table: pulumi.Input[str] | None = None
    compute: Compute = "EC2"
    partition: Partition = "aws"
    name_prefix: str | None = None
    job_role: pulumi.Input[str] | None = None
    states_role: pulumi.Input[str] | None = None
    events_role: pulumi.Input[str] | None = None
    execution_role: pulumi.Input[str] | None = None
    dead_letter_queue: pulumi.Input[str] | None = None
    permissions_boundary: pulumi.Input[str] | None = None
    job_policies: tuple[pulumi.Input[str], ...] = ()
    service_url: pulumi.Input[str] | None = None
    service_auth_secret: pulumi.Input[str] | None = None
    kms_keys: pulumi.Input[tuple[str, ...]] = ()
    log_retention_days: pulumi.Input[int] = 90
    alerts: Mapping[str, Any] | None = None
    events: Mapping[str, Any] = field(default_factory=dict)
    event_bus: pulumi.Input[str] | None = None

    @property
    def shape(self) -> PlatformShape:
        """The part of the platform that changes what Metaflow produces."""
        own = {"compute": self.compute, "partition": self.partition, "name_prefix": self.name_prefix}
        return PlatformShape(metadata_of(self.service_url), own=own)


class AlertsArgs(TypedDict, total=False):
    """Messages to an SNS topic when a run ends."""

    topic: pulumi.Input[str]
    """ARN of the topic, in the region and account of the flows."""
    on: Sequence[str]
    """Ends of runs that are sent: FAILED, TIMED_OUT, ABORTED, SUCCEEDED. Default: the first three."""


def events_args(events: Mapping[str, EventConfig]) -> dict[str, EventArgs]:
    """Events of a stack's file, as a program gives them."""
    return {name: cast(EventArgs, event.model_dump(exclude_none=True)) for name, event in events.items()}


def alerts_args(alerts: AlertsConfig | None) -> AlertsArgs | None:
    """Alerts of a stack's file, as a program gives them."""
    return cast(AlertsArgs, given(alerts)) if alerts else None


class S3EventArgs(TypedDict, total=False):
    """An object that is made in S3, in a bucket that sends its events to EventBridge."""

    bucket: Required[str]
    """Name of the bucket."""
    prefix: str
    """What the object's key begins with."""
    suffix: str
    """What the object's key ends with."""


class RunEventArgs(TypedDict, total=False):
    """A run of a flow on Step Functions that has ended without success, or as `on` says."""

    state_machine: Required[str]
    """Name of the flow's state machine."""
    on: Sequence[str]
    """Ends of runs: FAILED, TIMED_OUT, ABORTED, SUCCEEDED. Default: the first three."""


class EventArgs(TypedDict, total=False):
    """Which events a name of @trigger stands for: give one of `pattern`, `s3` and `run`."""

    pattern: Mapping[str, Any]
    """A pattern of EventBridge."""
    s3: S3EventArgs
    """An object that is made in S3."""
    run: RunEventArgs
    """A run that has failed, or has ended otherwise."""
    payload: Mapping[str, str]
    """Name that @trigger knows → path of keys in the event's `detail`. Those of `s3` are there already."""


class PlatformArgs(TypedDict, total=False):
    """Arguments of a platform of the stack's own."""

    compute: Compute
    """What the compute environment is made of: `FARGATE` or `EC2`. Default: `FARGATE`."""
    max_vcpus: pulumi.Input[int]
    """Most vCPUs that run at once. Default: 16."""
    instance_types: Sequence[pulumi.Input[str]]
    """Instance types of the compute environment, for EC2 only. Default: `optimal`."""
    instance_profile: pulumi.Input[str]
    """ARN of the instances' profile, which EC2 needs and Fargate does not have."""
    subnets: Sequence[pulumi.Input[str]]
    """Ids of the subnets that jobs run in. Default: all subnets of the default VPC."""
    security_groups: Sequence[pulumi.Input[str]]
    """Ids of the jobs' security groups. Default: a new one that lets everything out and nothing in."""
    prefix: str
    """Prefix of the datastore in the bucket. Default: `metaflow`."""
    name_prefix: str | None
    """Begins the names of state machines and schedules. Default: no prefix."""
    region: str
    """Region of AWS. Default: the provider's."""
    account: str
    """Id of the AWS account, 12 digits. Default: the account that deploys."""
    partition: Partition
    """Partition of AWS. Default: `aws`."""
    permissions_boundary: pulumi.Input[str] | None
    """ARN of a policy that bounds the roles of the flows."""
    job_policies: Sequence[pulumi.Input[str]]
    """ARNs of managed policies for the jobs of every flow."""
    service_url: pulumi.Input[str] | None
    """Address of Metaflow's metadata service. Default: runs are known in the datastore only."""
    service_auth_secret: pulumi.Input[str] | None
    """ARN of the secret that holds the metadata service's key. Default: requests carry no key."""
    kms_keys: Sequence[pulumi.Input[str]]
    """ARNs of customer managed keys of secrets that the flows read."""
    log_retention_days: pulumi.Input[int]
    """Days for which execution histories are kept. Default: 90."""
    alerts: AlertsArgs | None
    """Who gets a message when a run ends. Default: nobody."""
    dead_letter_queue: pulumi.Input[str] | None
    """ARN of an SQS queue that gets what a schedule could not start. Default: it is lost."""
    events: Mapping[str, EventArgs]
    """Name of `@trigger(event=…)` → which events it stands for. Default: those of that `detail-type`."""
    event_bus: pulumi.Input[str] | None
    """Name of the event bus that `@trigger` listens to. Default: the account's default bus."""
    tags: Mapping[str, pulumi.Input[str]]
    """Tags of the platform's resources, beside those of the project and the stack."""


class Platform(pulumi.ComponentResource):
    """Bucket, foreach table, compute environment and job queue: the least that flows need.

    The bucket refuses public access and is kept when it still holds objects: `destroy` then fails on it.
    """

    bucket: pulumi.Output[str]
    """Name of the datastore's bucket."""
    queue: pulumi.Output[str]
    """Name of the Batch job queue."""
    table: pulumi.Output[str]
    """Name of the DynamoDB table that a foreach needs."""
    settings: PlatformSettings
    """The settings that a flow takes as its `platform`, in place of the platform itself."""

    def __init__(self, name: str, args: PlatformArgs | None = None, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the platform.

        Args:
            name: of the resource; its children's names begin with it.
            args: what differs from the defaults.
            opts: of the resource.

        Raises:
            pulumi.RunError: EC2 without an instance profile.
        """
        args = args or {}
        compute = args.get("compute", "FARGATE")
        if compute == "EC2" and "instance_profile" not in args:
            raise pulumi.RunError(f"{name}: instance_profile is missing; EC2 compute needs the ARN of one")
        props = {key: value for key, value in args.items() if value is not None}
        super().__init__("flowinfra:aws:Platform", name, props, opts)
        tags: Tags = {
            **args.get("tags", {}),
            PROJECT_TAG: pulumi.get_project(),
            STACK_TAG: pulumi.get_stack(),
        }
        own, asking = of_component(self, name), pulumi.InvokeOptions(parent=self)
        region = args.get("region") or aws_identity.region(asking)
        account = args.get("account") or aws_identity.account(asking)
        # physical names are the provider's to make up: a deploy that was killed can then run again
        self.bucket = _bucket(name, tags, own)
        self.table = _table(name, tags, own)
        self.queue = _queue(name, _compute_resources(name, args, compute, tags, own), tags, own)
        self.settings = PlatformSettings(
            bucket=self.bucket,
            queue=self.queue,
            table=self.table,
            region=region,
            account=account,
            compute=compute,
            prefix=args.get("prefix", "metaflow"),
            partition=args.get("partition", "aws"),
            name_prefix=args.get("name_prefix"),
            permissions_boundary=args.get("permissions_boundary"),
            job_policies=tuple(args.get("job_policies", ())),
            service_url=args.get("service_url"),
            service_auth_secret=args.get("service_auth_secret"),
            kms_keys=together(args.get("kms_keys", ())),
            log_retention_days=args.get("log_retention_days", 90),
            alerts=args.get("alerts"),
            dead_letter_queue=args.get("dead_letter_queue"),
            events=args.get("events", {}),
            event_bus=args.get("event_bus"),
        )
        self.register_outputs({"bucket": self.bucket, "queue": self.queue, "table": self.table})

    @staticmethod
    def existing(
        *,
        bucket: pulumi.Input[str],
        queue: pulumi.Input[str],
        table: pulumi.Input[str] | None = None,
        prefix: str = "metaflow",
        compute: Compute = "EC2",
        region: str | None = None,
        account: str | None = None,
        partition: Partition = "aws",
        name_prefix: str | None = None,
        job_role: pulumi.Input[str] | None = None,
        states_role: pulumi.Input[str] | None = None,
        events_role: pulumi.Input[str] | None = None,
        execution_role: pulumi.Input[str] | None = None,
        dead_letter_queue: pulumi.Input[str] | None = None,
        permissions_boundary: pulumi.Input[str] | None = None,
        job_policies: Sequence[pulumi.Input[str]] = (),
        service_url: pulumi.Input[str] | None = None,
        service_auth_secret: pulumi.Input[str] | None = None,
        kms_keys: Sequence[pulumi.Input[str]] = (),
        log_retention_days: pulumi.Input[int] = 90,
        alerts: AlertsArgs | None = None,
        events: Mapping[str, EventArgs] | None = None,
        event_bus: pulumi.Input[str] | None = None,
        opts: pulumi.InvokeOptions | None = None,
    ) -> PlatformSettings:
        """Infrastructure that is there already; nothing is created.

        Args:
            bucket: of the datastore.
            queue: Batch job queue, by name or ARN.
            table: DynamoDB table, needed by flows with a foreach, and by those that wait for several events.
            prefix: of the datastore in the bucket.
            compute: what the queue's compute environment is made of.
            region: default: that of `aws:region`, or of the provider.
            account: default: the one that deploys.
            partition: of AWS.
            name_prefix: begins the names of state machines and schedules, so that stacks can share an account.
            job_role: of the jobs. ARN of an existing role that all flows use, in place of one per flow.
            states_role: of Step Functions. ARN of an existing role that all flows use, in place of one per flow.
            events_role: of the schedule. ARN of an existing role that all flows use, in place of one per flow.
            execution_role: of ECS (Fargate, secrets of job definitions). ARN of an existing role that all flows use.
            dead_letter_queue: ARN of an SQS queue that gets what a schedule could not start.
            permissions_boundary: ARN of a policy that bounds the roles made here.
            job_policies: ARNs of managed policies for the jobs of every flow.
            service_url: Metaflow's metadata service.
            service_auth_secret: ARN of the secret with its key.
            kms_keys: ARNs of customer managed keys that bucket, table or secrets are encrypted with.
            log_retention_days: of execution histories.
            alerts: who gets a message when a run ends.
            events: name of `@trigger(event=…)` → which events it stands for. Default: those of that `detail-type`.
            event_bus: that `@trigger` listens to. Default: the account's default bus.
            opts: for the look-up of region and account.
        """
        region, account = region or aws_identity.region(opts), account or aws_identity.account(opts)
        where = (bucket, queue, region, account, prefix, table, compute, partition, name_prefix)
        roles = (job_role, states_role, events_role, execution_role, dead_letter_queue, permissions_boundary)
        served = (tuple(job_policies), service_url, service_auth_secret, together(kms_keys), log_retention_days)
        return PlatformSettings(*where, *roles, *served, alerts, events or {}, event_bus)


Tags = Mapping[str, pulumi.Input[str]]


def _bucket(name: str, tags: Tags, own: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Name of a private bucket for the datastore."""
    bucket = aws.s3.Bucket(f"{name}-datastore", tags=tags, opts=own)
    aws.s3.BucketPublicAccessBlock(
        f"{name}-datastore-private",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=own,
    )
    return bucket.bucket


def _table(name: str, tags: Tags, own: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Name of a table for the tasks of a foreach."""
    table = aws.dynamodb.Table(
        f"{name}-foreach",
        billing_mode="PAY_PER_REQUEST",
        hash_key="pathspec",
        attributes=[{"name": "pathspec", "type": "S"}],
        ttl={"attribute_name": "ttl", "enabled": True},
        tags=tags,
        opts=own,
    )
    return table.name


def _queue(
    name: str, compute: aws.batch.ComputeEnvironmentComputeResourcesArgs, tags: Tags, own: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Name of a job queue with a compute environment of its own."""
    environment = aws.batch.ComputeEnvironment(
        f"{name}-compute", type="MANAGED", compute_resources=compute, tags=tags, opts=own
    )
    queue = aws.batch.JobQueue(
        f"{name}-queue",
        state="ENABLED",
        priority=1,
        compute_environment_orders=[{"order": 1, "compute_environment": environment.arn}],
        tags=tags,
        opts=own,
    )
    return queue.name


def _compute_resources(
    name: str, args: PlatformArgs, compute: Compute, tags: Tags, own: pulumi.ResourceOptions
) -> aws.batch.ComputeEnvironmentComputeResourcesArgs:
    subnets, groups = args.get("subnets"), args.get("security_groups")
    asking = pulumi.InvokeOptions(parent=own.parent)
    vpc = aws.ec2.get_vpc(default=True, opts=asking).id if not (subnets and groups) else ""
    if not subnets:
        of_vpc = aws.ec2.GetSubnetsFilterArgs(name="vpc-id", values=[vpc])
        subnets = aws.ec2.get_subnets(filters=[of_vpc], opts=asking).ids
        if not subnets:
            raise pulumi.RunError(f"{name}: the default VPC has no subnets; give `subnets`")
    if not groups:
        group = aws.ec2.SecurityGroup(
            f"{name}-compute-network",
            description="flowinfra: jobs reach everything, nothing reaches them",
            vpc_id=vpc,
            egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
            tags=tags,
            opts=own,
        )
        groups = [group.id]
    resources = aws.batch.ComputeEnvironmentComputeResourcesArgs(
        type=compute, max_vcpus=args.get("max_vcpus", 16), subnets=subnets, security_group_ids=groups
    )
    if compute == "EC2":
        resources.instance_role = args["instance_profile"]
        resources.instance_types = args.get("instance_types", ["optimal"])
        resources.min_vcpus = 0
        resources.allocation_strategy = "BEST_FIT_PROGRESSIVE"
    return resources
