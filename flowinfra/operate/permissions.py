"""What people and pipelines do with a stack, as IAM policies: scoped to the stack's names, from its file alone.

`rights` has the actions. Resources are the stack's own by their names, so that a flow that joins the stack later needs
no other policy where its name begins with the stack's `name_prefix`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowinfra.components.names import StackNames
from flowinfra.engine.project import project_name, read_mapping, stack_file
from flowinfra.model.alerts import combined, given
from flowinfra.operate import rights
from flowinfra.operate.rights import Purpose
from flowinfra.stack.compiling import compiled_configs, platform_shape, unheard
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.loading import stored_stack
from flowinfra.targets import TARGETS
from flowinfra.targets.step_functions import together, triggers
from flowinfra.targets.step_functions.by_hand import rule_name
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.plan import GROUP
from flowinfra.targets.step_functions.timing import schedule_name

MANAGED_POLICY_CHARACTERS = 6_144
"""IAM's limit of a managed policy, whitespace not counted."""

Statement = dict[str, Any]


def permissions(stack: str, purpose: Purpose, root: Path) -> dict[str, Any]:
    """The policy document that a purpose needs.

    Args:
        stack: its name.
        purpose: `preview` (`--refresh` included), `deploy`, `destroy` (with `flowinfra gc`), or `laptop`: Metaflow's
            commands and Client API.
        root: the project's folder.

    Raises:
        FlowInfraError: all that is wrong with the stack's file or its flows.
    """
    config = stored_stack(root, stack)
    file = stack_file(root, stack)
    region = (read_mapping(file.path, file.label).get("config") or {}).get("aws:region")
    enabled = [flow for flow in config.flows if flow.enabled]
    compiled = compiled_configs([(flow, platform_shape(config, flow.target)) for flow in enabled], root, unheard)
    scope = _Scope.of(config, StackNames(project_name(root), stack), region, enabled, compiled)
    make = _laptop if purpose == "laptop" else _pipeline
    return {"Version": "2012-10-17", "Statement": list(make(scope, purpose))}


def size(policy: dict[str, Any]) -> int:
    """Characters as IAM counts them."""
    return len("".join(json.dumps(policy, separators=(",", ":")).split()))


@dataclass(frozen=True)
class _Scope:
    """The part of an account that is the stack's."""

    config: StackConfig
    names: StackNames
    region: str
    account: str
    machines: tuple[str, ...]
    """Names of state machines, or patterns."""
    waiting: tuple[str, ...]
    """Names of the state machines to which events come that are waited for together, or patterns."""
    rows: tuple[str, ...]
    """Keys of the table's rows that keep those events."""
    rules: tuple[str, ...]
    """Names of rules that `step-functions create` made, or patterns."""
    schedules: tuple[str, ...]
    """Names of schedules, or patterns."""
    queues: tuple[str, ...]
    on_aws: bool
    """Some flow runs on Step Functions."""
    pods: tuple[str | None, ...]
    """EKS clusters in which flows have a role for their pods; None for one by an OIDC provider."""
    log_history: bool
    alerts: bool
    """Some flow has alerts."""
    sends: bool
    """A person may send events: some flow has @trigger, or sends them, which its runs on a laptop do, too."""

    @classmethod
    def of(
        cls,
        config: StackConfig,
        names: StackNames,
        region: str | None,
        configs: Sequence[FlowConfig],
        compiled: Sequence[Any],
    ) -> _Scope:
        """The scope of a stack with its flows, and what they are compiled to."""
        platform = config.platform
        flows = [each for each in compiled if isinstance(each, StepFunctionsCompiled)]
        schedules = [
            (flow.name, key)
            for own, flow in zip(configs, compiled, strict=True)
            if isinstance(flow, StepFunctionsCompiled)
            for key in (own.own.schedules or ([None] if flow.flow.schedule is not None else []))
        ]
        joined = [flow for flow in flows if triggers.several(flow.flow)]
        resets = [
            together.reset_name(flow.name, index)
            for flow in joined
            for index, _ in enumerate((together.reset(flow.flow) or ([], ""))[0])
        ]
        queues = {queue for flow in config.flows if (queue := flow.of("step-functions").queue)}
        steps = {step.queue for flow in flows for step in flow.flow.steps.values() if step.queue}
        return cls(
            config=config,
            names=names,
            region=platform.region or region or "*",
            account=platform.account or "*",
            machines=_patterns((flow.name for flow in flows), config.name_prefix),
            waiting=_patterns((together.machine_name(flow.name) for flow in joined), config.name_prefix),
            rows=tuple(sorted(together.row(flow.name) for flow in joined)),
            rules=(
                *_patterns((rule_name(name) for name, _ in schedules), config.name_prefix),
                *(_trigger_rules(names, platform.event_bus) if any(flow.flow.triggers for flow in flows) else ()),
            ),
            schedules=_patterns([*(schedule_name(name, key) for name, key in schedules), *resets], config.name_prefix),
            queues=tuple(sorted({*queues, *steps, platform.queue or "metaflow-queue-*"})),
            on_aws=bool(flows),
            pods=tuple(
                place.pod_roles.cluster
                for target, place in (
                    (target.name, getattr(platform, target.runner, None))
                    for target in TARGETS.values()
                    if target.runner
                )
                if place and place.pod_roles and any(flow.target == target for flow in compiled)
            ),
            log_history=any(flow.step_functions.log_history for flow in flows),
            alerts=any(
                combined(given(platform.alerts), flow.own.alerts)
                for flow in config.flows
                if flow.enabled and flow.target == "step-functions"
            ),
            sends=any(trigger.type == "event" for flow in flows for trigger in flow.flow.triggers)
            or any(flow.own.sends for flow in configs if flow.target == "step-functions"),
        )

    def arn(self, service: str, resource: str) -> str:
        """An ARN of the stack's account and region."""
        return f"arn:{self.config.platform.partition}:{service}:{self.region}:{self.account}:{resource}"

    def roles(self) -> list[str]:
        """The flows' own roles."""
        return [f"arn:{self.config.platform.partition}:iam::{self.account}:role/{self.names.role_prefix}*"]

    def passed(self) -> list[str]:
        """All roles that AWS's services take on for the flows."""
        platform = self.config.platform
        given = (platform.states_role, platform.job_role, platform.events_role, platform.execution_role)
        return sorted({*self.roles(), *(role for role in given if role)})

    def state_machines(self) -> list[str]:
        """ARNs."""
        return [self.arn("states", f"stateMachine:{name}") for name in self.machines]

    def executions(self) -> list[str]:
        """ARNs."""
        # those of a distributed map's items follow a `/`
        patterns = [pattern for name in self.machines for pattern in (f"execution:{name}:*", f"execution:{name}/*")]
        return [self.arn("states", pattern) for pattern in patterns]

    def map_runs(self) -> list[str]:
        """ARNs."""
        return [self.arn("states", f"mapRun:{name}/*") for name in self.machines]

    def bucket(self) -> str:
        """ARN of the datastore's bucket."""
        return f"arn:{self.config.platform.partition}:s3:::{self.config.platform.bucket or 'metaflow-datastore-*'}"

    def datastore(self) -> str:
        """ARN of the datastore's objects."""
        return f"{self.bucket()}/{self.config.platform.prefix}/*"


def _pipeline(scope: _Scope, purpose: Purpose) -> Iterator[Statement]:
    platform = scope.config.platform
    deploys = purpose == "deploy"
    if scope.on_aws:
        yield from _machines(scope, purpose)
        jobs = scope.arn("batch", f"job-definition/{scope.names.prefix}*")
        yield _allow("JobDefinitions", rights.JOBS.of(purpose), [jobs])
        yield _allow("FindJobDefinitions", ["batch:DescribeJobDefinitions"], ["*"])
        if deploys:
            yield _allow("PassRoles", ["iam:PassRole"], scope.passed()) | {
                "Condition": {
                    "StringEquals": {
                        "iam:PassedToService": [
                            *("ecs-tasks.amazonaws.com", "events.amazonaws.com"),
                            *("scheduler.amazonaws.com", "states.amazonaws.com"),
                        ]
                    }
                }
            }
        if scope.schedules:
            names = [scope.arn("scheduler", f"schedule/{GROUP}/{name}") for name in scope.schedules]
            yield _allow("Schedules", rights.SCHEDULES.of(purpose), names)
        yield from _rules(scope, purpose)
        if scope.log_history:
            group = scope.arn("logs", f"log-group:/aws/vendedlogs/states/{scope.names.prefix}*")
            yield _allow("HistoryLogs", rights.LOGS.of(purpose), [group])
            yield _allow("FindLogs", ["logs:DescribeLogGroups"], ["*"])
    if scope.on_aws or scope.pods:
        yield _allow("Roles", rights.ROLES.of(purpose), scope.roles())
    if clusters := sorted({name for name in scope.pods if name}):
        places = [scope.arn("eks", f"{kind}/{name}{end}") for name in clusters for kind, end in _PLACES_OF_PODS]
        yield _allow("PodIdentities", rights.PODS.of(purpose), places)
        if deploys:
            # https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html
            yield _allow("PassPodRoles", ["iam:PassRole"], scope.roles()) | {
                "Condition": {"StringEquals": {"iam:PassedToService": ["pods.eks.amazonaws.com"]}}
            }
    if platform.datastore == "s3":
        yield _allow("Objects", rights.OBJECTS.of(purpose), [scope.datastore()])
        yield _allow("FindObjects", ["s3:ListBucket"], [scope.bucket()])
        if platform.kms_keys:
            keys = ["kms:Decrypt", *(["kms:GenerateDataKey"] if deploys else [])]
            yield _allow("UseKeys", keys, platform.kms_keys)
    if platform.airflow and platform.airflow.dags.s3:
        bucket, _, folder = platform.airflow.dags.s3.removeprefix("s3://").partition("/")
        dags = f"arn:{platform.partition}:s3:::{bucket}"
        yield _allow("Dags", rights.OBJECTS.of(purpose), [f"{dags}/{folder.rstrip('/')}/*"])
        yield _allow("FindDags", ["s3:ListBucket"], [dags])
    if platform.create:
        yield from _created(scope, purpose)
    if purpose == "destroy":
        yield from _collected(scope)


def _machines(scope: _Scope, purpose: Purpose) -> Iterator[Statement]:
    """State machines, and what keeps events that flows wait for together."""
    machines = [*rights.MACHINES.of(purpose)]
    waiting = [scope.arn("states", f"stateMachine:{name}") for name in scope.waiting]
    yield _allow("StateMachines", machines, [*scope.state_machines(), *waiting])
    if scope.rows and purpose != "preview":
        table = scope.arn("dynamodb", f"table/{scope.config.platform.table or 'metaflow-foreach-*'}")
        yield _allow("KeptEvents", rights.ROWS.of(purpose), [table]) | {
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(scope.rows)}}
        }
    if purpose != "preview" and any(flow.of("step-functions").drain for flow in scope.config.flows):
        yield _allow("WaitForExecutions", ["states:ListExecutions"], scope.state_machines())
    if purpose != "destroy":
        # terraform-provider-aws validates a changed definition at plan time, and so does flowinfra-aws; the call
        # knows no resource
        yield _allow("ValidateDefinitions", ["states:ValidateStateMachineDefinition"], ["*"])


def _rules(scope: _Scope, purpose: Purpose) -> Iterator[Statement]:
    actions = rights.RULES.of(purpose)
    if scope.rules:
        yield _allow("Rules", actions, [scope.arn("events", f"rule/{name}") for name in scope.rules])
    if scope.alerts:
        # their names are made up, and begin as those of roles do
        yield _allow("Alerts", actions, [scope.arn("events", f"rule/{scope.names.role_prefix}*")])
    if (role := scope.config.platform.events_role) and purpose != "destroy":
        # whether what starts flows may take it on
        yield _allow("LookAtEventsRole", ["iam:GetRole"], [role])


def _created(scope: _Scope, purpose: Purpose) -> Iterator[Statement]:
    """The stack's own platform; the provider makes its names up, of those in the program."""
    yield _allow("Bucket", rights.BUCKET.of(purpose), [scope.bucket()])
    yield _allow("Table", rights.TABLE.of(purpose), [scope.arn("dynamodb", "table/metaflow-foreach-*")])
    compute = [
        *(scope.arn("batch", f"{kind}/metaflow-{name}-*") for kind, name in _COMPUTE_NAMES),
    ]
    yield _allow("Compute", rights.COMPUTE.of(purpose), compute)
    yield _allow("FindCompute", ["batch:DescribeComputeEnvironments", "batch:DescribeJobQueues"], ["*"])
    # security groups and what is looked up of networks have ids that are not known before
    yield _allow("Network", rights.NETWORK.of(purpose), ["*"])
    if purpose == "deploy":
        linked = (
            f"arn:{scope.config.platform.partition}:iam::{scope.account}:role/aws-service-role/batch.amazonaws.com/*"
        )
        # https://docs.aws.amazon.com/batch/latest/userguide/using-service-linked-roles.html
        yield _allow("BatchItself", ["iam:CreateServiceLinkedRole"], [linked])
        profile = scope.config.platform.create and scope.config.platform.create.instance_profile
        if profile:
            yield _allow("PassInstanceRole", ["iam:PassRole"], ["*"]) | {
                "Condition": {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com"]}}
            }


_PLACES_OF_PODS = (("cluster", ""), ("podidentityassociation", "/*"))
_COMPUTE_NAMES = (("compute-environment", "compute"), ("job-queue", "queue"))


def _collected(scope: _Scope) -> Iterator[Statement]:
    """What `flowinfra gc` does."""
    yield _allow(
        "CollectJobDefinitions",
        ["batch:DeregisterJobDefinition"],
        [scope.arn("batch", f"job-definition/{scope.names.prefix}*")],
    )
    yield _allow("ListStateMachines", ["states:ListStateMachines"], ["*"])
    yield _allow("LookAtStateMachines", rights.COLLECT_STATES, [scope.arn("states", "stateMachine:*")])
    yield _allow(
        "LookAtExecutions", ["states:DescribeStateMachineForExecution"], [scope.arn("states", "execution:*:*")]
    )


def _laptop(scope: _Scope, _purpose: Purpose) -> Iterator[Statement]:
    """`run`, `runs`, `event`; Metaflow's `trigger`, `list-runs`, `terminate`, `resume`, `--with batch`, Client API."""
    platform = scope.config.platform
    if scope.on_aws:
        yield _allow("FindStateMachines", ["states:ListStateMachines"], ["*"])
        yield _allow(
            "StateMachines",
            ["states:DescribeStateMachine", "states:ListExecutions", "states:StartExecution"],
            scope.state_machines(),
        )
        yield _allow(
            "Executions",
            [
                *("states:DescribeExecution", "states:DescribeStateMachineForExecution"),
                *("states:GetExecutionHistory", "states:StopExecution"),
            ],
            scope.executions(),
        )
        if scope.sends:
            bus = scope.arn("events", f"event-bus/{platform.event_bus or 'default'}")
            yield _allow("SendEvents", ["events:PutEvents"], [bus])
        # of a distributed map, whose items are executions of their own
        yield _allow("MapRuns", ["states:DescribeMapRun", "states:ListExecutions"], scope.map_runs())
        yield _allow(
            "FindJobs",
            [
                *("batch:DescribeComputeEnvironments", "batch:DescribeJobDefinitions", "batch:DescribeJobQueues"),
                "batch:DescribeJobs",
            ],
            ["*"],
        )
        queues = [name if name.startswith("arn:") else scope.arn("batch", f"job-queue/{name}") for name in scope.queues]
        # `--with batch` names its job definitions metaflow_<digest>
        own = scope.arn("batch", "job-definition/metaflow_*")
        yield _allow("SubmitJobs", ["batch:SubmitJob"], [own, scope.arn("batch", "job/*"), *queues])
        yield _allow("RegisterJobs", ["batch:RegisterJobDefinition", "batch:TagResource"], [own])
        yield _allow("StopJobs", ["batch:TerminateJob"], [scope.arn("batch", "job/*")])
        yield _allow("ReadLogs", ["logs:GetLogEvents"], [scope.arn("logs", "log-group:/aws/batch/job:*")])
        jobs = [platform.job_role] if platform.job_role else scope.roles()
        execution = [platform.execution_role] if platform.execution_role else []
        yield _allow("PassRoles", ["iam:PassRole"], [*jobs, *execution]) | {
            "Condition": {"StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com"]}}
        }
    if platform.datastore == "s3":
        yield _allow("Datastore", ["s3:GetObject", "s3:PutObject"], [scope.datastore()])
        yield _allow("FindObjects", ["s3:ListBucket"], [scope.bucket()])
        if platform.kms_keys:
            yield _allow("UseKeys", ["kms:Decrypt", "kms:GenerateDataKey"], platform.kms_keys)


def _trigger_rules(names: StackNames, bus: str | None) -> Iterator[str]:
    """Rules of triggers; those of another bus than the default one have its name before theirs."""
    for place in ("", f"{bus}/" if bus else ""):
        yield f"{place}{names.role_prefix}*"


def _patterns(names: Iterable[str], prefix: str | None) -> tuple[str, ...]:
    """Names, those with the stack's prefix as one pattern."""
    begin = f"{prefix}_" if prefix else None
    found = {f"{begin}*" if begin and name.startswith(begin) else name for name in names}
    return tuple(sorted(found))


def _allow(sid: str, actions: Iterable[str], resources: Iterable[str]) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(set(actions)),
        "Resource": sorted(set(resources)),
    }
