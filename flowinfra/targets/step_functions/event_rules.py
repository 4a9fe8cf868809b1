"""The resources by which events start a flow: a rule of EventBridge for each of them, and its target."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from flowinfra.components.creation import Making
from flowinfra.components.names import TRIGGER
from flowinfra.components.platform import PlatformSettings
from flowinfra.components.site import Site
from flowinfra.model.base import canonical_json
from flowinfra.model.compiled import Trigger
from flowinfra.targets.step_functions import triggers
from flowinfra.targets.step_functions.plan import FlowPlan
from flowinfra.targets.step_functions.role_trust import EVENTS, trusted

_DESCRIPTION = 512


def make_triggers(
    making: Making[FlowPlan, PlatformSettings], machine: pulumi.Resource, role: pulumi.Input[str] | None
) -> None:
    """Make what starts the flow on events; nothing where it has no triggers.

    Args:
        making: of the flow.
        machine: the state machine, before which nothing is made.
        role: that EventBridge starts the flow with; None where neither flow nor platform has one.
    """
    for trigger in making.plan.compiled.flow.triggers:
        assert role is not None
        _trigger(making, trigger, machine, role)


def _trigger(
    making: Making[FlowPlan, PlatformSettings], trigger: Trigger, machine: pulumi.Resource, role: pulumi.Input[str]
) -> None:
    plan, platform = making.plan, making.platform
    bus = platform.event_bus if triggers.on_own_bus(trigger, platform.events) else None
    paths, template = triggers.transformer(trigger, platform.events.get(trigger.name))

    def pattern(site: Site) -> str:
        return canonical_json(plan.pattern(trigger, site, platform.events))

    rule = aws.cloudwatch.EventRule(
        f"{making.name}{TRIGGER}{trigger.name}",
        # a rule of a name that AWS knows would be taken over: one with a made-up end is always the flow's own
        name_prefix=plan.names.role_prefix("trigger"),
        description=f"starts {plan.name} on {trigger.name}"[:_DESCRIPTION],
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
        arn=platform.on_site(lambda site: site.state_machine_arn(plan.name)),
        role_arn=role,
        input_transformer={"input_paths": paths, "input_template": template},
        opts=making.options(depends_on=[machine], hooks=trusted(making, f"{making.name}-{trigger.name}", EVENTS)),
    )
