"""The resources of a flow's schedule."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from flowinfra.components.creation import Making
from flowinfra.components.platform import PlatformSettings
from flowinfra.targets.step_functions.ownership import rule_tagged
from flowinfra.targets.step_functions.plan import FlowPlan


def make_schedule(
    making: Making[FlowPlan, PlatformSettings], machine: pulumi.Resource, role: pulumi.Input[str] | None
) -> None:
    """Make what starts the flow at the times of its schedule; nothing where it has none.

    Args:
        making: of the flow.
        machine: the state machine, before which nothing is made.
        role: that of the schedule; None where neither flow nor platform has one.
    """
    plan = making.plan
    schedule = plan.compiled.step_functions.schedule
    if schedule is None:
        return
    assert role is not None
    rule = aws.cloudwatch.EventRule(
        f"{making.name}-schedule",
        name=schedule.name,
        description=schedule.description,
        schedule_expression=schedule.expression,
        state="ENABLED" if plan.schedule_enabled else "DISABLED",
        tags=plan.tags,
        # AWS takes a rule of this name for an update of the one that is there: made once the machine was not refused
        opts=making.options(depends_on=[machine], hooks=rule_tagged(making)),
    )
    aws.cloudwatch.EventTarget(
        f"{making.name}-schedule-target",
        rule=rule.name,
        target_id=schedule.name,
        arn=making.platform.on_site(lambda site: site.state_machine_arn(plan.name)),
        role_arn=role,
        input=schedule.input,
        opts=making.options(depends_on=[machine]),
    )
