"""Options of Step Functions and AWS Batch, each declared here alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flowinfra.model.base import Model
from flowinfra.model.options import Option
from flowinfra.model.shape import Shape


class StepFunctionsKeys(Model):
    """Options of a flow that change what Metaflow produces."""

    name_prefix: Annotated[str | None, Option("name prefix"), Field(min_length=1)] = None
    """Begins the names of state machine and schedules (METAFLOW_SFN_STATE_MACHINE_PREFIX), in place of the stack's
    `name_prefix`."""
    distributed_map: Annotated[bool, Option("distributed map", absent="off")] = False
    """A foreach is a distributed instead of an inline map: Metaflow's `--use-distributed-map`."""
    compress: Annotated[bool, Option("compressed commands", absent="off")] = False
    """Commands of steps are kept in the datastore: Metaflow's `--compress-state-machine`. Definitions are small without
    it, too."""
    log_history: Annotated[bool, Option("execution history log", absent="off")] = False
    """Execution history goes to a log group of CloudWatch: Metaflow's `--log-execution-history`."""
    batch_tags: Annotated[dict[str, str], Option("Batch tag")] = Field(default_factory=dict)
    """Tags of the Batch jobs themselves."""


class StepFunctionsOptions(StepFunctionsKeys, Shape):
    """All options of a compile for Step Functions; those declared here come from the stack or its platform."""

    compute: Annotated[Literal["EC2", "FARGATE"], Option("compute", always=True)] = "EC2"
    """Platform of the job queue: decides what a job definition holds."""
    partition: Annotated[Literal["aws", "aws-cn", "aws-us-gov"], Option("partition", absent="aws")] = "aws"
    """Partition of AWS."""
