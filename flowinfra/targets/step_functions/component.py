"""StepFunctionsFlow: one Metaflow flow on AWS Step Functions and Batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from operator import attrgetter
from typing import Any, Literal, TypeVar

import pulumi
import pulumi_aws as aws
from typing_extensions import Required

from flowinfra.components import datastore, outputs
from flowinfra.components.arguments import FlowArgs
from flowinfra.components.creation import FlowComponent, Making, after, begun
from flowinfra.components.deployed_parameters import deployed_parameters
from flowinfra.components.failed_updates import of_component
from flowinfra.components.iam_delay import settled
from flowinfra.components.inputs import describe_deployed
from flowinfra.components.names import DEFINITION_TAG, DRAIN_TAG, short_digest
from flowinfra.components.plan import same_name
from flowinfra.components.platform import AlertsArgs, Platform, PlatformSettings
from flowinfra.components.prepare import Prepared
from flowinfra.components.program import claim
from flowinfra.components.roles import own_role
from flowinfra.components.site import Site
from flowinfra.components.store import Store
from flowinfra.components.version import Version, deployed_version
from flowinfra.errors import FlowInfraError, Problems
from flowinfra.model.base import Json, canonical_json
from flowinfra.targets.step_functions import limits
from flowinfra.targets.step_functions.alerts import make_alerts
from flowinfra.targets.step_functions.drain import drains
from flowinfra.targets.step_functions.event_rules import make_triggers
from flowinfra.targets.step_functions.history import logging
from flowinfra.targets.step_functions.machine import machine_kind
from flowinfra.targets.step_functions.outputs import console_url, metaflow_config
from flowinfra.targets.step_functions.ownership import not_taken
from flowinfra.targets.step_functions.plan import (
    EVENTS,
    EXECUTION,
    JOBS,
    STATES,
    TOGETHER,
    TRIGGERS,
    FlowPlan,
    check,
    state_machine,
    warnings,
)
from flowinfra.targets.step_functions.prepare import STEP_FUNCTIONS
from flowinfra.targets.step_functions.schedule import make_schedules
from flowinfra.targets.step_functions.timing import shown
from flowinfra.targets.step_functions.triggers import listening

T = TypeVar("T")


class StepFunctionsFlowArgs(FlowArgs, total=False):
    """Arguments of a flow on Step Functions."""

    platform: Required[Platform | PlatformSettings]
    """The platform that the flow runs on."""
    name_prefix: str
    """Begins the names of state machine and schedules, in place of the platform's prefix."""
    distributed_map: bool
    """Whether a foreach is a distributed instead of an inline map. Default: False."""
    compress: bool
    """Whether commands of steps are kept in the datastore, which makes definitions small. Default: False."""
    log_history: bool
    """Whether the execution history goes to a log group of CloudWatch. Default: False."""
    log_retention_days: pulumi.Input[int]
    """Days for which the execution history is kept, in place of the platform's."""
    drain: int
    """Seconds that running executions get to end before the state machine is deleted or replaced."""
    alerts: AlertsArgs
    """Who gets a message when a run ends; keys that are left out are those of the platform's `alerts`."""
    queue: pulumi.Input[str]
    """Batch job queue, by name or ARN, in place of the platform's."""
    batch_tags: Mapping[str, str]
    """Tags of the Batch jobs themselves."""
    job_policies: Sequence[pulumi.Input[str]]
    """ARNs of managed policies for the flow's jobs, beside what flowinfra grants them."""
    schedules: Mapping[str, Mapping[str, Json]]
    """Name → schedule, in place of the flow's own: `cron` or `rate`, `timezone`, `parameters`, `enabled`."""
    dead_letter_queue: pulumi.Input[str]
    """ARN of the SQS queue that gets what a schedule could not start, in place of the platform's."""
    reads: Sequence[str] | Literal["all"]
    """Other flows whose artifacts, cards and data the flow's jobs may read."""
    sends: Sequence[str]
    """Events that the flow's jobs may send, by the names that `@trigger` knows."""


class StepFunctionsFlow(FlowComponent[FlowPlan, PlatformSettings]):
    """A state machine, a job definition per distinct container, roles, schedules, and what tasks read in the datastore.

    Job definitions and datastore objects stay when they leave the program, for the runs that still refer to them;
    `flowinfra gc` removes them.
    """

    arn: pulumi.Output[str]
    """ARN of the state machine."""
    state_machine: pulumi.Output[str]
    """Name of the state machine."""
    namespace: pulumi.Output[str]
    """Metaflow namespace of the flow's runs."""
    authorize: pulumi.Output[str]
    """The command that lets a person deploy over the flow by hand."""
    trigger: pulumi.Output[str]
    """The command that starts a run."""
    console_url: pulumi.Output[str]
    """Address of the state machine's page in the AWS console."""
    metaflow_config: pulumi.Output[dict[str, str]]
    """METAFLOW_* settings with which a laptop reaches the flow; as JSON, a file that Metaflow takes."""
    topic_statement: pulumi.Output[str] | None
    """What the policy of the topic of alerts needs, as JSON; None where the flow has no alerts."""
    version: pulumi.Output[Version]
    """What is deployed (`id`, `digest`, `package`, `metaflow`), and which commit and person brought it."""

    def __init__(self, name: str, args: StepFunctionsFlowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Deploy a flow.

        Args:
            name: of the resource.
            args: the flow, its platform, and what differs here.
            opts: of the resource.

        Raises:
            pulumi.RunError: with every problem of the flow, its arguments and AWS's limits, before anything is made.
        """
        self._make(name, *begun(name, args, STEP_FUNCTIONS), opts)

    def _make(
        self,
        name: str,
        prepared: Prepared[FlowPlan, PlatformSettings],
        by: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        plan = prepared.plan
        claim(state_machine(plan.name), name, partial(same_name, state_machine(plan.name)))
        settings = _checked(prepared)
        self._begin("flowinfra:aws:StepFunctionsFlow", name, plan, _shown(prepared), opts)
        making = _Making(name, plan, settings, of_component(self, name))
        for warning in warnings(plan, settings.site(), settings.job_policies):
            pulumi.log.warn(warning, self)

        roles, granted = _roles(making)
        # what is bound knows the jobs' roles only: a new role for a schedule leaves the definition known at preview
        binding = replace(making, platform=replace(settings, job_role=roles[JOBS], execution_role=roles.get(EXECUTION)))
        store = Store(settings.bucket, settings.prefix)
        objects = datastore.files(name, plan.compiled, store, plan.object_tags, making.child) + _commands(binding)
        needs = [*granted, *objects, *_job_definitions(binding, settings.on_site(plan.job_tags))]
        role, drain = settled(roles[STATES], granted), prepared.config.own.drain
        machine = _state_machine(making, _definition(binding), role, needs, drain)
        make_schedules(making, machine, roles.get(EVENTS))
        make_triggers(making, machine, roles, granted)
        self.topic_statement = make_alerts(making, machine)
        deployed = replace(binding.platform, states_role=roles[STATES], events_role=roles.get(EVENTS))

        def there(known: PlatformSettings) -> pulumi.Output[Site]:
            return after(machine, known.on_site(lambda site: site))

        site = there(settings)
        self.arn = site.apply(lambda site: site.state_machine_arn(plan.name))
        self.state_machine = site.apply(lambda _: plan.name)
        self.namespace = site.apply(lambda _: outputs.namespace(plan.token))
        self.authorize = site.apply(lambda _: outputs.authorize_command(plan.compiled, plan.file, plan.token))
        self.trigger = site.apply(lambda _: outputs.trigger_command(plan.compiled, plan.file))
        self.console_url = site.apply(
            lambda site: console_url(site.partition, site.region, site.state_machine_arn(plan.name))
        )
        self.metaflow_config = there(deployed).apply(
            lambda site: {
                **plan.compiled.shape.settings,
                **metaflow_config({**asdict(site), "name_prefix": settings.name_prefix}),
            }
        )
        self.version = deployed_version(name, plan.compiled, by, [machine], making.child)
        self.register_outputs(
            {
                "arn": self.arn,
                "state_machine": self.state_machine,
                "namespace": self.namespace,
                "authorize": self.authorize,
                "trigger": self.trigger,
                "console_url": self.console_url,
                "metaflow_config": self.metaflow_config,
                "version": self.version,
                **({} if self.topic_statement is None else {"topic_statement": self.topic_statement}),
            }
        )


_Making = Making[FlowPlan, PlatformSettings]


def _checked(prepared: Prepared[FlowPlan, PlatformSettings]) -> PlatformSettings:
    """The platform with values that are Outputs checked before anything is made of them, at preview where known."""
    plan, settings = prepared.plan, prepared.platform

    def fit(site: Site) -> Site:
        if problems := check(plan, site):
            raise Problems(problems)
        return site

    if not settings.pending:
        return settings
    site = pulumi.Output.from_input(settings.on_site(fit))
    values: dict[str, Any] = {name: site.apply(attrgetter(name)) for name in settings.pending}
    return replace(settings, **values)


def _roles(making: _Making) -> tuple[dict[str, pulumi.Input[str]], list[pulumi.Resource]]:
    """ARN of the role of each kind that there is, and what whoever uses them waits for."""
    settings = making.platform
    given = {
        STATES: settings.states_role,
        JOBS: settings.job_role,
        EVENTS: settings.events_role,
        TRIGGERS: settings.events_role,
        TOGETHER: settings.states_role,
        EXECUTION: settings.execution_role,
    }
    roles = {kind: arn for kind, arn in given.items() if arn is not None}
    granted: list[pulumi.Resource] = []
    for kind in making.plan.role_kinds(settings.site()):
        role, made = _role(making, kind)
        roles[kind] = role.arn
        granted += made
    return roles, granted


def _role(making: _Making, kind: str) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    plan, settings = making.plan, making.platform
    return own_role(
        making,
        kind,
        settings.on_site(lambda site: canonical_json(plan.trust(kind, site))),
        settings.on_site(lambda site: canonical_json(plan.policy(kind, site))),
        settings.permissions_boundary,
        settings.job_policies if kind == JOBS else (),
    )


def _commands(making: _Making) -> list[pulumi.Resource]:
    """Commands of steps that are kept in the datastore (`compress`), with the stack's identity in them."""
    plan, prefix = making.plan, making.platform.prefix
    entries = {digest: entry for digest, entry in plan.compiled.objects.items() if entry.text is not None}
    if not entries:
        return []
    bound = pulumi.Output.from_input(making.platform.on_site(lambda site: plan.bound(site).commands))
    return [
        aws.s3.BucketObjectv2(
            datastore.object_name(making.name, digest, entry),
            key=pulumi.Output.concat(prefix, "/", bound[digest].key),
            content=bound[digest].text,
            opts=making.options(retain_on_delete=True, protect=False),
            **datastore.object_arguments(entry, making.platform.bucket, plan.object_tags),
        )
        for digest, entry in entries.items()
    ]


def _job_definitions(making: _Making, tags: pulumi.Input[dict[str, str]]) -> list[pulumi.Resource]:
    """A job definition per distinct container; earlier ones stay, for executions that refer to them.

    Its name is made of its content, so that the definition, which refers to it by name, is known at preview.
    """
    plan = making.plan
    bound = pulumi.Output.from_input(making.platform.on_site(lambda site: plan.bound(site).jobs))

    def definition(step: str) -> aws.batch.JobDefinition:
        job = bound[step]
        recorded = plan.compiled.step_functions.job_definitions[step].properties
        return aws.batch.JobDefinition(
            f"{making.name}-job-{step}",
            name=job.name,
            type="container",
            container_properties=job.apply(lambda job: canonical_json(job.arguments["containerProperties"])),
            parameters=job.apply(lambda job: job.arguments.get("parameters")),
            retry_strategy=recorded.get("retryStrategy"),
            timeout={"attempt_duration_seconds": recorded["timeout"]["attemptDurationSeconds"]},
            platform_capabilities=recorded.get("platformCapabilities"),
            propagate_tags=recorded.get("propagateTags"),
            deregister_on_new_revision=False,
            tags=tags,
            opts=making.told_in_words("containerProperties", retain_on_delete=True, protect=False),
        )

    return [definition(step) for step in plan.compiled.step_functions.job_definitions]


def _definition(making: _Making) -> pulumi.Output[str]:
    """The definition's text, known at preview unless a deploy-time parameter or the platform is not."""

    def text(found: dict[str, Any]) -> str:
        plan = making.plan
        # as text: 1 and true are equal in Python
        if found["parameters"] != canonical_json(dict(plan.parameters)):
            plan = replace(plan, parameters=json.loads(found["parameters"]))
        try:
            bound = plan.bound(found["site"])
            if problems := list(limits.flow_problems(plan.compiled, bound)):
                raise Problems(problems)
        except FlowInfraError as error:
            raise pulumi.RunError(str(error)) from None
        return bound.definition_text

    return pulumi.Output.all(
        site=making.platform.on_site(lambda site: site),
        parameters=deployed_parameters(making.name, making.plan.compiled, making.plan.parameters, making.child),
    ).apply(text)


def _state_machine(
    making: _Making,
    definition: pulumi.Output[str],
    role: pulumi.Input[str],
    needs: Sequence[pulumi.Resource],
    drain: int | None,
) -> pulumi.Resource:
    plan, name = making.plan, f"{making.name}-state-machine"
    tags: dict[str, pulumi.Input[str]] = {**plan.tags, DEFINITION_TAG: definition.apply(short_digest)}
    if drain is not None:
        tags[DRAIN_TAG] = str(drain)
    return machine_kind(plan.name)(
        name,
        name=plan.name,
        definition=definition,
        role_arn=role,
        type="STANDARD",
        logging_configuration=logging(making),
        tags=tags,
        opts=making.told_in_words(
            "definition",
            "tagsAll",
            depends_on=needs,
            custom_timeouts=_TIMEOUTS,
            hooks=drains(drain, not_taken(making)),
            **making.protection,
        ),
    )


_TIMEOUTS = pulumi.CustomTimeouts(create="2m", delete="30m")
"""The provider tries a create again for as long, also where a right is missing and no waiting helps. AWS deletes a
state machine once its executions meet their next state: with a long task that takes more than the default 5 minutes.
"""


def _shown(prepared: Prepared[FlowPlan, PlatformSettings]) -> dict[str, Any]:
    """The component's inputs: the flow in human terms."""
    plan, settings = prepared.plan, prepared.platform
    return describe_deployed(
        plan.compiled,
        plan.schedule_enabled,
        plan.triggers_enabled,
        {
            "production_token": plan.names.production_token,
            "protect": plan.protect,
            "drain": prepared.config.own.drain,
            "datastore": settings.on_site(lambda site: site.datastore),
            "queue": settings.queue,
            "table": settings.table,
            "service_url": settings.service_url,
            "log_retention_days": settings.log_retention_days,
            "alerts": settings.alerts,
            "aws_tags": dict(plan.aws_tags),
            "job_policies": list(settings.job_policies),
            "reads": list(plan.reads),
            "dead_letter_queue": settings.dead_letter_queue,
            "sends": list(plan.sends),
            "unsent": list(plan.unsent),
            "circles": list(plan.circles),
            **listening(plan.compiled.flow, settings.events, settings.event_bus, bool(plan.sends)),
            "schedules": shown(plan.schedules, plan.timezone, plan.schedule_enabled),
        },
    )
