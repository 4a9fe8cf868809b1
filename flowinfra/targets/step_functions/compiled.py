"""A flow compiled for Step Functions."""

from __future__ import annotations

from typing import Literal

from flowinfra.model.base import Json, Model
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets.step_functions.options import StepFunctionsOptions


class JobDefinition(Model):
    """What the jobs of all steps with the same container are made from; a step's state says what is its own."""

    steps: tuple[str, ...]
    """The steps whose jobs are made from it."""
    properties: dict[str, Json]
    """Arguments of Batch RegisterJobDefinition in the API's own camelCase, without jobDefinitionName."""


class ScheduleRule(Model):
    """Arguments of EventBridge PutRule and PutTargets as recorded."""

    name: str
    expression: str
    """`cron(…)`."""
    description: str
    input: str
    """JSON text that the rule passes to the state machine."""


class StepFunctionsTarget(Model):
    """What `step-functions create` would have sent."""

    state_machine: str
    """Name of the state machine, as Metaflow makes it."""
    definition: dict[str, Json]
    """Amazon States Language. `Parameters.JobDefinition` of a step's state is a key of `job_definitions`."""
    job_definitions: dict[str, JobDefinition]
    """First of its steps → job definition."""
    schedule: ScheduleRule | None = None
    log_history: bool = False
    """Execution history goes to a log group (`--log-execution-history`)."""


class StepFunctionsCompiled(CompiledFlow):
    """A flow that is compiled for Step Functions."""

    shape: StepFunctionsOptions
    target: Literal["step-functions"]
    step_functions: StepFunctionsTarget

    @property
    def name(self) -> str:
        """Name of the state machine."""
        return self.step_functions.state_machine


COMPILED = StepFunctionsCompiled
"""What `compiled_flow` makes of data of this target."""
