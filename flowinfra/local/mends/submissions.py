"""SubmitJob takes the retry strategy, and only active job definitions.

AWS: `retryStrategy` of SubmitJob overrides the job definition's; a job definition may be named by name
(then its latest *active* revision is used), `name:revision` or ARN, and one that is INACTIVE is refused
with ClientException (https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html; the message
is as seen from AWS).

moto: drops `retryStrategy`, and runs INACTIVE definitions.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend, Job
from moto.batch.responses import BatchResponse

from flowinfra.local.mends.mend import Mend, patch

_retry_strategy: ContextVar[dict[str, Any] | None] = ContextVar("retry_strategy", default=None)
_respond = BatchResponse.submitjob
_submit = BatchBackend.submit_job
_start = Job.start


def respond(self: BatchResponse) -> str:
    """Remember the request's retry strategy while moto handles it."""
    token = _retry_strategy.set(self._get_param("retryStrategy"))
    try:
        return _respond(self)
    finally:
        _retry_strategy.reset(token)


def submit(self: BatchBackend, job_name: str, job_def_id: str, *arguments: Any, **options: Any) -> tuple[str, str, str]:
    """Resolve the job definition as AWS does, then let moto submit."""
    if not job_def_id.startswith("arn:") and ":" not in job_def_id:
        active = [
            each for each in self.get_job_definitions(job_def_id) if each.name == job_def_id and each.status == "ACTIVE"
        ]
        definition = max(active, key=lambda each: each.revision, default=None)
    else:
        definition = self.get_job_definition(job_def_id)
    if definition is None or definition.status != "ACTIVE":
        raise ClientException(f"JobDefinition name {job_def_id} does not exist or is not in ACTIVE status")
    return _submit(self, job_name, definition.arn, *arguments, **options)


def start(self: Any) -> None:
    """Give the job its own retry strategy before its thread runs."""
    self.retry_strategy = _retry_strategy.get()
    _start(self)


MEND = Mend(
    "submissions",
    (
        patch(BatchResponse, "submitjob", respond),
        patch(BatchBackend, "submit_job", submit),
        patch(Job, "start", start),
    ),
)
