"""The resources by which events start a flow: a rule of EventBridge for each of them, and its target.

A flow that waits for several has a state machine to which they come, and a row of the table that keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from flowinfra.components.creation import Making
from flowinfra.components.iam_delay import settled
from flowinfra.components.names import DEFINITION_TAG, EVENTS_MACHINE, EVENTS_RESET, EVENTS_ROW, TRIGGER, short_digest
from flowinfra.components.platform import PlatformSettings
from flowinfra.components.site import Site
from flowinfra.model.base import canonical_json
from flowinfra.model.compiled import Trigger
from flowinfra.targets.step_functions import together, triggers
from flowinfra.targets.step_functions.machine import Row, machine_kind
from flowinfra.targets.step_functions.plan import EVENTS, GROUP, TOGETHER, TRIGGERS, FlowPlan
from flowinfra.targets.step_functions.role_trust import EVENTS as EVENTBRIDGE
from flowinfra.targets.step_functions.role_trust import SCHEDULER, trusted
from flowinfra.targets.step_functions.timing import MAX_AGE, MAX_ATTEMPTS

_DESCRIPTION = 512
_Making = Making[FlowPlan, PlatformSettings]


def make_triggers(
    making: _Making,
    machine: pulumi.Resource,
    roles: Mapping[str, pulumi.Input[str]],
    granted: Sequence[pulumi.Resource],
) -> None:
    """Make what starts the flow on events; nothing where it has no triggers.

    Args:
        making: of the flow.
        machine: the flow's state machine, before which nothing is made.
        roles: kind → ARN of the role of that kind.
        granted: what whoever uses them waits for.
    """
    flow = making.plan.compiled.flow
    started = machine
    if triggers.several(flow):
        started = _together(making, machine, settled(roles[TOGETHER], granted))
        _resets(making, started, roles.get(EVENTS))
    for trigger in flow.triggers:
        _trigger(making, trigger, started, roles[TRIGGERS])


def _together(making: _Making, machine: pulumi.Resource, role: pulumi.Input[str]) -> pulumi.Resource:
    """What waits until all events of a flow have come, with a role that may keep them and start the flow."""
    plan, platform = making.plan, making.platform
    # whoever writes the row is made after it, and so goes before it
    row = Row(
        f"{making.name}{EVENTS_ROW}",
        table=platform.on_site(lambda site: str(site.table)),
        hash_key=together.KEY,
        key=together.row(plan.name),
        opts=making.options(depends_on=[machine]),
    )
    name = together.machine_name(plan.name)
    definition = pulumi.Output.from_input(
        platform.on_site(lambda site: together.definition(plan.name, plan.compiled.flow, site))
    )
    return machine_kind(name)(
        f"{making.name}{EVENTS_MACHINE}",
        name=name,
        definition=definition,
        role_arn=role,
        type="STANDARD",
        # said, for AWS takes silence as "as before"
        logging_configuration={"level": "OFF", "include_execution_data": False},
        tags={**plan.tags, DEFINITION_TAG: definition.apply(short_digest)},
        opts=making.told_in_words("definition", "tagsAll", depends_on=[machine, row]),
    )


def _resets(making: _Making, waits: pulumi.Resource, role: pulumi.Input[str] | None) -> None:
    """The schedules at which what came is forgotten; nothing where the flow has no `reset_at`."""
    plan, platform = making.plan, making.platform
    crons, timezone = together.reset(plan.compiled.flow) or ([], "")
    for index, cron in enumerate(crons):
        assert role is not None, "a flow whose events are forgotten has a role for that"
        target = aws.scheduler.ScheduleTargetArgs(
            arn=platform.on_site(lambda site: site.state_machine_arn(together.machine_name(plan.name))),
            role_arn=role,
            input=together.FORGET,
            retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                maximum_event_age_in_seconds=MAX_AGE, maximum_retry_attempts=MAX_ATTEMPTS
            ),
        )
        if platform.dead_letter_queue is not None:
            target.dead_letter_config = aws.scheduler.ScheduleTargetDeadLetterConfigArgs(arn=platform.dead_letter_queue)
        own = f"{making.name}{EVENTS_RESET}{index + 1 if index else ''}"
        aws.scheduler.Schedule(
            own,
            name=together.reset_name(plan.name, index),
            group_name=GROUP,
            description=f"forgets the events that came for {plan.name}"[:_DESCRIPTION],
            schedule_expression=f"cron({cron})",
            schedule_expression_timezone=timezone,
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            state="ENABLED" if plan.triggers_enabled else "DISABLED",
            target=target,
            opts=making.options(depends_on=[waits], hooks=trusted(making, own, SCHEDULER)),
        )


def _trigger(making: _Making, trigger: Trigger, machine: pulumi.Resource, role: pulumi.Input[str]) -> None:
    plan, platform = making.plan, making.platform
    alone = not triggers.several(plan.compiled.flow)
    started = plan.name if alone else together.machine_name(plan.name)
    bus = platform.event_bus if triggers.on_own_bus(trigger, platform.events) else None
    paths, template = triggers.transformer(trigger, platform.events.get(trigger.name), alone)

    def pattern(site: Site) -> str:
        return canonical_json(plan.pattern(trigger, site, platform.events))

    rule = aws.cloudwatch.EventRule(
        f"{making.name}{TRIGGER}{trigger.name}",
        # a rule of a name that AWS knows would be taken over: one with a made-up end is always the flow's own
        name_prefix=plan.names.role_prefix("trigger"),
        description=_description(plan.name, trigger.name, alone),
        event_bus_name=bus,
        event_pattern=platform.on_site(pattern),
        state="ENABLED" if plan.triggers_enabled else "DISABLED",
        tags=plan.tags,
        opts=making.options(depends_on=[machine]),
    )
    aws.cloudwatch.EventTarget(
        f"{making.name}{TRIGGER}{trigger.name}-target",
        rule=rule.name,
        event_bus_name=bus,
        target_id="flow",
        arn=platform.on_site(lambda site: site.state_machine_arn(started)),
        role_arn=role,
        input_transformer={"input_paths": paths, "input_template": template},
        opts=making.options(depends_on=[machine], hooks=trusted(making, f"{making.name}-{trigger.name}", EVENTBRIDGE)),
    )


def _description(flow: str, event: str, alone: bool) -> str:
    words = f"starts {flow} on {event}" if alone else f"starts {flow} on {event}, once all others have come, too"
    return words[:_DESCRIPTION]
