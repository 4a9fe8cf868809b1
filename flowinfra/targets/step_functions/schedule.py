"""The resources of a flow's schedules. docs/decisions/schedules.md says why they are EventBridge Scheduler's."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from flowinfra.components.creation import Making
from flowinfra.components.platform import PlatformSettings
from flowinfra.targets.step_functions.plan import GROUP, FlowPlan
from flowinfra.targets.step_functions.role_trust import SCHEDULER, trusted
from flowinfra.targets.step_functions.timing import MAX_AGE, MAX_ATTEMPTS, starts


def make_schedules(
    making: Making[FlowPlan, PlatformSettings], machine: pulumi.Resource, role: pulumi.Input[str] | None
) -> None:
    """Make what starts the flow at the times of its schedules; nothing where it has none.

    AWS refuses a name that is taken, so nobody else's schedule is replaced. They have no tags: AWS has none for them.

    Args:
        making: of the flow.
        machine: the state machine, before which nothing is made.
        role: that of the schedules; None where neither flow nor platform has one.
    """
    plan, settings = making.plan, making.platform
    for start in starts(plan):
        assert role is not None, "a flow with a schedule has a role for it"
        target = aws.scheduler.ScheduleTargetArgs(
            arn=settings.on_site(lambda site: site.state_machine_arn(plan.name)),
            role_arn=role,
            input=start.input,
            retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                maximum_event_age_in_seconds=MAX_AGE, maximum_retry_attempts=MAX_ATTEMPTS
            ),
        )
        if settings.dead_letter_queue is not None:
            target.dead_letter_config = aws.scheduler.ScheduleTargetDeadLetterConfigArgs(arn=settings.dead_letter_queue)
        name = f"{making.name}-schedule" if start.key is None else f"{making.name}-schedule-{start.key}"
        aws.scheduler.Schedule(
            name,
            name=start.name,
            group_name=GROUP,
            description=start.description,
            schedule_expression=start.expression,
            schedule_expression_timezone=start.timezone,
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            state="ENABLED" if start.enabled else "DISABLED",
            target=target,
            opts=making.options(depends_on=[machine], hooks=trusted(making, name, SCHEDULER)),
        )
