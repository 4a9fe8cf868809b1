"""Keys of Step Functions and AWS Batch in a stack's file, each declared here alone or in `options.py`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flowinfra.model.alerts import AlertsConfig
from flowinfra.model.base import Json
from flowinfra.model.config import Config, RetentionDays
from flowinfra.model.events import EventName
from flowinfra.model.options import Option
from flowinfra.targets.step_functions.options import StepFunctionsKeys


class ScheduleEntry(Config):
    """One of several schedules of a flow."""

    cron: str | None = Field(default=None, min_length=1)
    """Six fields as AWS has them. This or `rate`."""
    rate: str | None = Field(default=None, min_length=1)
    """How long from one run to the next: `15 minutes`, `1 hour`, `7 days`."""
    timezone: str | None = Field(default=None, min_length=1)
    """Timezone of `cron`, by its IANA name. Default: `schedule.timezone`, or else UTC."""
    parameters: dict[str, Json] = Field(default_factory=dict)
    """Parameter → its value in the runs that this schedule starts."""
    enabled: bool = True
    """Whether it is on; `schedule.enabled: false` turns all off."""


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
    schedules: dict[str, ScheduleEntry] = Field(default_factory=dict)
    """Name → schedule, in place of the flow's own: [several schedules](#several-schedules)."""
    dead_letter_queue: Annotated[str | None, Option("dead-letter queue")] = None
    """ARN of the SQS queue that gets what a schedule could not start, in place of the platform's
    `dead_letter_queue`."""
    sends: Annotated[list[EventName], Option("right to send event")] = Field(default_factory=list)
    """Events that the flow's tasks may send, by the names that `@trigger` knows: [sending an
    event](events.md#sending-an-event). It needs a role of the flow's own, as `job_policies` does."""


class StepFunctionsStep(Config):
    """Keys of a step on AWS Batch alone."""

    queue: Annotated[str | None, Option("queue", absent="the platform's")] = None
    """Job queue of the step, name or ARN."""


SECTION = StepFunctionsSection
"""Keys of a flow that stand under the target's name."""
STEP = StepFunctionsStep
"""Keys of a step that stand under the target's name."""
