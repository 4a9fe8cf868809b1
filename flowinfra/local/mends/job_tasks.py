"""A `batch:submitJob.sync` task ends with its job, and its job with the task.

AWS: Step Functions learns of the job's end by an event; when the execution is stopped, or the
task's TimeoutSeconds are over, it terminates the job
(https://docs.aws.amazon.com/step-functions/latest/dg/connect-batch.html and
connect-to-resource.html#connect-sync: "Step Functions … will attempt to … cancel that task"). moto:
asks DescribeJobs twice a second for each task, leaves the job running when the task is given up,
and also waits for a task token that nobody has: that wait ends with the first attempt, so each
`Retry` of the state times out at once.
"""

from __future__ import annotations

from typing import Any

import moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback as callback
from moto.batch.models import batch_backends
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch import (
    StateTaskServiceBatch,
)

from flowinfra.local import tracking
from flowinfra.local.mends.mend import Mend, patch

_build = StateTaskServiceBatch._build_sync_resolver
_eval = StateTaskServiceBatch._eval_sync


class Resolver:
    """Describes the job once it has ended; until then it costs no call."""

    def __init__(self, job: Any, describe: Any) -> None:
        self.job = job
        self._describe = describe

    def __call__(self) -> Any:
        """The job as the task's result, None while it runs; raises the task's failure."""
        return self._describe() if self.job.job_stopped else None


def build_resolver(
    self: Any,
    env: Any,
    resource_runtime_part: Any,
    normalised_parameters: Any,
    state_credentials: Any,
) -> Resolver:
    """A resolver that knows its job."""
    job_id = env.stack[-1]["JobId"]
    details = env.aws_execution_details
    job = batch_backends[details.account][resource_runtime_part.region or details.region].get_job_by_id(job_id)
    tracking.remember(job_id, env.states.context_object.context_object_data["Execution"]["Id"], self.name)
    describe = _build(
        self,
        env=env,
        resource_runtime_part=resource_runtime_part,
        normalised_parameters=normalised_parameters,
        state_credentials=state_credentials,
    )
    return Resolver(job, describe)


def eval_sync(
    self: Any,
    env: Any,
    sync_resolver: Resolver,
    timeout_seconds: int | None,
    callback_endpoint: Any,
    heartbeat_endpoint: Any,
) -> Any:
    """Wait for the job, and for nothing else; terminate it if the task is given up before."""
    outcome = _eval(
        self,
        env=env,
        sync_resolver=sync_resolver,
        timeout_seconds=timeout_seconds,
        callback_endpoint=None,
        heartbeat_endpoint=None,
    )
    if outcome is None:
        sync_resolver.job.terminate("Terminated by Step Functions")
    return outcome


MEND = Mend(
    "job-tasks",
    (
        patch(StateTaskServiceBatch, "_build_sync_resolver", build_resolver),
        patch(StateTaskServiceBatch, "_eval_sync", eval_sync),
        patch(callback, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", 0.05),
    ),
)
