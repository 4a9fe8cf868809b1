"""Actions of AWS on each kind of thing that a stack has, by what somebody does with the stack.

They are those that Metaflow's commands, flowinfra and Pulumi's provider call. What the provider calls beyond the local
stand-in is from the source of terraform-provider-aws, named at each list; the tests hold the rest to what is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Purpose = Literal["preview", "deploy", "laptop", "destroy"]


PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@dataclass(frozen=True)
class Rights:
    """Actions on a kind of thing, by purpose."""

    read: tuple[str, ...] = ()
    """Actions of `pulumi refresh`, and of each create and update, which read back."""
    write: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()

    def of(self, purpose: Purpose) -> tuple[str, ...]:
        """Actions of a purpose."""
        return {
            "preview": self.read,
            "deploy": (*self.read, *self.write, *self.delete),
            "destroy": (*self.read, *self.delete),
        }[purpose]


# internal/service/sfn/state_machine.go: Read lists versions too
MACHINES = Rights(
    read=("states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource"),
    write=("states:CreateStateMachine", "states:TagResource", "states:UntagResource", "states:UpdateStateMachine"),
    delete=("states:DeleteStateMachine",),
)
# internal/service/iam/role.go, role_policy.go, role_policy_attachment.go: a role is read with its policies, and freed
# of instance profiles before it is deleted
ROLES = Rights(
    read=("iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
    write=(
        *("iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole"),
        *("iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"),
        *("iam:UpdateAssumeRolePolicy", "iam:UpdateRole"),
    ),
    delete=("iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:ListInstanceProfilesForRole"),
)
# internal/service/eks/pod_identity_association.go; its tags come with it
PODS = Rights(
    read=("eks:DescribePodIdentityAssociation",),
    write=(
        "eks:CreatePodIdentityAssociation",
        "eks:TagResource",
        "eks:UntagResource",
        "eks:UpdatePodIdentityAssociation",
    ),
    delete=("eks:DeletePodIdentityAssociation",),
)
# internal/service/scheduler/schedule.go
SCHEDULES = Rights(
    read=("scheduler:GetSchedule",),
    write=("scheduler:CreateSchedule", "scheduler:UpdateSchedule"),
    delete=("scheduler:DeleteSchedule",),
)
# internal/service/events/rule.go, target.go. Rules are those of triggers and alerts, those that Metaflow made for a
# flow that is taken over, and this stack's from before its schedules were EventBridge Scheduler's
RULES = Rights(
    read=("events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"),
    write=(
        *("events:PutRule", "events:PutTargets", "events:TagResource", "events:UntagResource"),
        "events:DisableRule",
    ),
    delete=("events:DeleteRule", "events:RemoveTargets"),
)
# internal/service/batch/job_definition.go: superseded revisions stay, so none is deregistered by a deployment
JOBS = Rights(
    read=("batch:ListTagsForResource",),
    write=("batch:RegisterJobDefinition", "batch:TagResource", "batch:UntagResource"),
)
# internal/service/logs/group.go
LOGS = Rights(
    read=("logs:ListTagsForResource",),
    write=(
        *("logs:CreateLogGroup", "logs:DeleteRetentionPolicy", "logs:PutRetentionPolicy"),
        *("logs:TagResource", "logs:UntagResource"),
    ),
    delete=("logs:DeleteLogGroup",),
)
# internal/service/s3/object.go: HeadObject, and the tags
OBJECTS = Rights(
    read=("s3:GetObject", "s3:GetObjectTagging"),
    write=("s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectTagging"),
    delete=("s3:DeleteObject",),
)
# internal/service/s3/bucket.go reads every setting of a bucket, and bucket_public_access_block.go one more
BUCKET = Rights(
    read=(
        *("s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration"),
        *("s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket"),
    ),
    write=("s3:CreateBucket", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging"),
    delete=("s3:DeleteBucket",),
)
# flowinfra/aws_plugin/rows.py
ROWS = Rights(delete=("dynamodb:DeleteItem",))
# internal/service/dynamodb/table.go
TABLE = Rights(
    read=(
        *("dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"),
        "dynamodb:ListTagsOfResource",
    ),
    write=(
        *("dynamodb:CreateTable", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateTable"),
        "dynamodb:UpdateTimeToLive",
    ),
    delete=("dynamodb:DeleteTable",),
)
# internal/service/batch/compute_environment.go, job_queue.go: both are disabled before they are deleted
COMPUTE = Rights(
    read=("batch:ListTagsForResource",),
    write=(
        *("batch:CreateComputeEnvironment", "batch:CreateJobQueue", "batch:TagResource", "batch:UntagResource"),
        *("batch:UpdateComputeEnvironment", "batch:UpdateJobQueue"),
    ),
    delete=(
        *("batch:DeleteComputeEnvironment", "batch:DeleteJobQueue"),
        *("batch:UpdateComputeEnvironment", "batch:UpdateJobQueue"),
    ),
)
# internal/service/ec2/vpc_security_group.go; a group's network interfaces are looked for before it is deleted
NETWORK = Rights(
    read=("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcAttribute", "ec2:DescribeVpcs"),
    write=(
        *("ec2:AuthorizeSecurityGroupEgress", "ec2:CreateSecurityGroup", "ec2:CreateTags", "ec2:DeleteTags"),
        "ec2:RevokeSecurityGroupEgress",
    ),
    delete=("ec2:DeleteSecurityGroup", "ec2:DescribeNetworkInterfaces", "ec2:RevokeSecurityGroupIngress"),
)
COLLECT_STATES = ("states:DescribeStateMachine", "states:ListExecutions")
"""`flowinfra gc` looks at all state machines of the account, for stacks may share objects."""
