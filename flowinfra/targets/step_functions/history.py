"""The execution history of a state machine, as a log of CloudWatch (`log_history`)."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from flowinfra.components.creation import Making
from flowinfra.components.platform import PlatformSettings
from flowinfra.targets.step_functions.plan import FlowPlan


def logging(making: Making[FlowPlan, PlatformSettings]) -> Any:
    """Logging of a state machine; OFF is said explicitly, for AWS takes silence as "as before"."""
    if not making.plan.compiled.step_functions.log_history:
        return {"level": "OFF", "include_execution_data": False}
    group = _log_group(making)
    return {
        "level": "ALL",
        "include_execution_data": True,
        "log_destination": pulumi.Output.concat(group.arn, ":*"),
    }


def _log_group(making: Making[FlowPlan, PlatformSettings]) -> aws.cloudwatch.LogGroup:
    return aws.cloudwatch.LogGroup(
        f"{making.name}-history",
        name_prefix=making.plan.names.log_group_prefix,
        retention_in_days=making.platform.log_retention_days,
        tags=making.plan.tags,
        # a flow that is renamed keeps its log group, with what it holds
        opts=making.options(ignore_changes=["namePrefix"]),
    )
