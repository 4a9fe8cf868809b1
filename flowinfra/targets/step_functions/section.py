"""Keys of Step Functions and AWS Batch in a stack's file, each declared here alone or in `options.py`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flowinfra.model.alerts import AlertsConfig
from flowinfra.model.config import Config, RetentionDays
from flowinfra.model.options import Option
from flowinfra.targets.step_functions.options import StepFunctionsKeys


class StepFunctionsSection(StepFunctionsKeys, Config):
    """Keys of a flow on Step Functions alone."""

    queue: str | None = None
    """Job queue in place of the platform's, name or ARN."""
    log_retention_days: Annotated[RetentionDays | None, Option("execution history kept", "days")] = None
    """How long the execution history is kept, in place of the platform's `log_retention_days`."""
    drain: Annotated[int | None, Option("wait for running executions", "s", absent="off"), Field(gt=0, le=86_400)] = (
        None
    )
    """Seconds that running executions get to end before the state machine is deleted or replaced. Its schedule is gone
    by then. A mirror does not take it."""
    alerts: AlertsConfig | None = None
    """Who gets a message when a run ends; keys that are left out are those of the platform's `alerts`."""


class StepFunctionsStep(Config):
    """Keys of a step on AWS Batch alone."""

    queue: Annotated[str | None, Option("queue", absent="the platform's")] = None
    """Job queue of the step, name or ARN."""


SECTION = StepFunctionsSection
"""Keys of a flow that stand under the target's name."""
STEP = StepFunctionsStep
"""Keys of a step that stand under the target's name."""
