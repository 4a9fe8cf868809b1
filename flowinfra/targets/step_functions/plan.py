"""What a flow's deployment consists of, decided before any resource exists: pure, and checked as a whole.

The component turns a plan into resources; the root program makes the plans of all flows first, so that every
problem of a stack is reported at once and nothing is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flowinfra.components.confidential import secret_problems
from flowinfra.components.iam import Policy, policy_problems, policy_warnings
from flowinfra.components.names import DATASTORE_TAG, KIND_TAG
from flowinfra.components.plan import Plan
from flowinfra.components.site import Site, identity
from flowinfra.errors import BindError, FlowInfraError, Problems
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.compiled import Trigger
from flowinfra.model.events import EventConfig
from flowinfra.targets.step_functions import iam, limits, quotas, requests, together, triggers
from flowinfra.targets.step_functions.bound import Bound, Job, bind
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.section import ScheduleEntry
from flowinfra.targets.step_functions.sends import Sends
from flowinfra.targets.step_functions.timing import start_problems

STATES, JOBS, EVENTS, TRIGGERS, EXECUTION = "states", "jobs", "events", "triggers", "execution"
TOGETHER = "together"
"""The role with which events of a flow that waits for several are kept."""
GROUP = "default"
"""Group of all schedules. Groups have quotas and tags of their own, and make a stack's schedules no easier to find."""
_SERVICES = {
    STATES: "states.amazonaws.com",
    JOBS: "ecs-tasks.amazonaws.com",
    TOGETHER: "states.amazonaws.com",
    TRIGGERS: "events.amazonaws.com",
    EXECUTION: "ecs-tasks.amazonaws.com",
}
_JOB_DEFINITION_KEYS = frozenset(
    ("type", "containerProperties", "platformCapabilities", "propagateTags", "parameters", "retryStrategy", "timeout")
)


@dataclass(frozen=True)
class FlowPlan(Plan[StepFunctionsCompiled]):
    """One flow in one stack."""

    machines: Mapping[str, str] = field(default_factory=dict)
    """Flow of the same stack, with project and branch → its state machine."""
    schedules: Mapping[str, ScheduleEntry] = field(default_factory=dict)
    """Schedules in place of the flow's own."""
    sends: Sends = field(default_factory=dict)
    """Events that the tasks may send."""
    unsent: tuple[str, ...] = ()
    """Events that it waits for, and that nobody in the stack sends."""
    circles: tuple[str, ...] = ()
    """Flows that start each other, of which this is one: `A → B → A`."""
    timezone: str | None = None
    """Of schedules that have none."""
    _bound: dict[Site, Bound] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What binding came to: checks and resources ask for the same."""

    def object_tags(self, kind: str) -> dict[str, str]:
        """Tags of a datastore object: without the target, for what refers to it is in AWS, where `gc` looks anyway."""
        return {**self.tags, KIND_TAG: kind}

    def job_tags(self, site: Site) -> dict[str, str]:
        """Tags of a job definition: the flow's part of the datastore too, which `gc` goes by."""
        return {**self.tags, DATASTORE_TAG: f"{site.datastore}/{self.compiled.flow.name}"}

    def role_kinds(self, site: Site) -> tuple[str, ...]:
        """Which roles are the flow's own: those that it needs and the platform does not bring."""
        needed = {
            STATES: site.states_role is None,
            JOBS: site.job_role is None,
            EVENTS: site.events_role is None and (self.scheduled or together.reset(self.compiled.flow) is not None),
            TRIGGERS: site.events_role is None and bool(self.compiled.flow.triggers),
            TOGETHER: site.states_role is None and triggers.several(self.compiled.flow),
            EXECUTION: site.execution_role is None and self.needs_execution_role(site),
        }
        return tuple(kind for kind, own in needed.items() if own)

    @property
    def scheduled(self) -> bool:
        """Whether the flow has a schedule, on or off."""
        return bool(self.schedules) or self.compiled.step_functions.schedule is not None

    def needs_execution_role(self, site: Site) -> bool:
        """Fargate pulls images with it, and a job definition's secrets are read with it."""
        return self.compiled.shape.compute == "FARGATE" or site.service_auth_secret is not None

    def trust(self, kind: str, site: Site) -> Policy:
        """Who may take on a role of the flow's own."""
        if kind == EVENTS:
            return iam.events_trust(site.account, site.arn("scheduler", f"schedule-group/{GROUP}"))
        return iam.trust_policy(_SERVICES[kind], site.account)

    def policy(self, kind: str, site: Site) -> Policy:
        """What a role of the flow's own may do."""
        policies = {
            STATES: lambda: iam.states_policy(self.compiled, site, self.names),
            JOBS: lambda: iam.jobs_policy(self.compiled, site, self.reads, self.sends),
            EVENTS: lambda: iam.schedules_policy(self.compiled, site, self.scheduled),
            TRIGGERS: lambda: iam.events_policy(self.compiled, site),
            TOGETHER: lambda: together.policy(self.name, site),
            EXECUTION: lambda: iam.execution_policy(self.compiled, site),
        }
        return policies[kind]()

    def pattern(self, trigger: Trigger, site: Site, events: Mapping[str, EventConfig]) -> Mapping[str, Json]:
        """What the rule of a trigger listens to; `events`: those that the platform has names for."""
        flow = triggers.upstream(trigger)
        machine = flow and site.state_machine_arn(self.upstream(flow))
        return triggers.pattern(trigger, machine, events.get(trigger.name))

    def upstream(self, flow: str) -> str:
        """Name of the state machine of a flow whose end is waited for; `flow`: with project and branch."""
        return self.machines.get(flow) or triggers.machine_name(flow, self.compiled.shape.name_prefix)

    def bound(self, site: Site) -> Bound:
        """The flow with the stack's identity.

        Raises `Problems` with every value that does not fit.
        """
        if site not in self._bound:
            named = identity(self.compiled, site, self.names)
            bound = bind(self.compiled, named, lambda properties: self._job(properties, site), self.parameters)
            self._bound[site] = bound
        return self._bound[site]

    def _job(self, properties: dict[str, Json], site: Site) -> Job:
        """A job definition; the metadata service's key goes in by reference.

        Metaflow sends `linuxParameters: {}` for each step on EC2. Whether Batch keeps what is empty is not known, and
        what it drops would be a change in each preview: it is left out.
        """
        arguments: dict[str, Json] = _without_empty(properties)
        if site.service_auth_secret is not None:
            arguments["containerProperties"] |= {
                "executionRoleArn": site.execution_role or site.role_to_be,
                "secrets": [{"name": "METAFLOW_SERVICE_AUTH_KEY", "valueFrom": site.service_auth_secret}],
            }
        return Job(self.names.job(canonical_json(arguments)), arguments)


def _without_empty(value: Json) -> Json:
    """Objects without the objects and lists in them that hold nothing."""
    if not isinstance(value, dict):
        return value
    kept = {key: _without_empty(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item not in ({}, [])}


def check(plan: FlowPlan, site: Site, default_tags: Mapping[str, str] | None = None) -> list[FlowInfraError]:
    """Everything that AWS or binding would refuse of this plan; `default_tags`: that the provider adds."""
    # a tag that is an Output is checked by AWS alone
    known = {key: value if isinstance(value, str) else "" for key, value in plan.aws_tags.items()}
    plan = replace(plan, aws_tags=known)
    try:
        bound = plan.bound(site)
    except Problems as problems:
        return list(problems.errors)
    return [
        *_unknown_job_keys(plan.name, bound.jobs),
        *limits.flow_problems(plan.compiled, bound),
        *requests.problems(plan, bound, site),
        *start_problems(plan, bound, site),
        *together.problems(plan.name, plan.compiled.flow, site),
        *limits.tag_problems(plan.name, {**(default_tags or {}), **plan.object_tags("include-file")}, objects=True),
        *_role_problems(plan, site),
        *secret_problems(plan.name, plan.parameters, site.service_auth_secret),
    ]


def warnings(plan: FlowPlan, site: Site, job_policies: Sequence[object]) -> Iterator[str]:
    """What a plan that is right may run into."""
    if site.job_role is None:
        yield from plan.unread
        yield from policy_warnings(plan.name, "jobs", job_policies)
    elif plan.compiled.flow.triggers:
        yield (
            f"{plan.name}: is started by events, and its tasks read them with the platform's job_role: it needs "
            f"states:DescribeExecution on {', '.join(iam.executions(plan.compiled, site))}, or the first step fails"
        )
    yield from together.warnings(plan.name, plan.compiled.flow, site)
    yield from quotas.job_warnings(plan.compiled, plan.bound(site))


def state_machine(name: str) -> str:
    """What a flow is in AWS, in words."""
    return f"state machine {name!r}"


def _unknown_job_keys(who: str, jobs: Mapping[str, Job]) -> Iterator[BindError]:
    for step, job in jobs.items():
        if unknown := sorted(set(job.arguments) - _JOB_DEFINITION_KEYS):
            yield BindError(
                f"{who}: step {step!r}: Metaflow registers a job definition with {', '.join(unknown)}, "
                "which this version of flowinfra does not deploy"
            )


def _role_problems(plan: FlowPlan, site: Site) -> Iterator[BindError]:
    for kind in plan.role_kinds(site):
        yield from policy_problems(plan.name, kind, plan.policy(kind, site))
