"""Batch jobs run as local processes.

AWS: a job's container command is run on a compute environment of the job's queue; its attempts are repeated
as the retry strategy says, each with its own log stream in `/aws/batch/job`; variables that Batch adds are
listed in https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html. An array job has the state
of its children (https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html): FAILED once all have
ended and any has failed.

moto: starts Docker containers (or with `batch_simple` none at all), ignores attempts, and an array job with
a failed child never ends.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.batch.models import Job
from moto.batch.utils import JobStatus
from moto.core.utils import unix_time_millis

from flowinfra.errors import LocalError
from flowinfra.local import bytecode, iam_delay, identity, job_secrets, runner, wiring
from flowinfra.local.mends.mend import Mend, patch
from flowinfra.local.retry_strategy import Ended, RetryStrategy

LOG = logging.getLogger(__name__)
LOG_GROUP = "/aws/batch/job"
_SLOT_POLL = 0.2


def run(job: Any) -> None:
    """Take a job through its states, attempt by attempt (the thread that moto starts for it)."""
    try:
        # set by hand: moto's own transitions take seconds
        job.status = JobStatus.PENDING
        if job.depends_on and not job._wait_for_dependencies():
            return
        job.status = JobStatus.RUNNABLE
        if _take_slot(job):
            try:
                succeeded = _attempts(job)
            finally:
                wiring.current().slots.release()
        else:
            succeeded = False
        job._mark_stopped(success=succeeded)
    except Exception as error:
        LOG.exception("job %s", job.job_id)
        job.job_stopped_reason = f"The embedded AWS could not run the job: {error}"
        job._mark_stopped(success=False)
    finally:
        _finish_array(job)


def attempt_folder(jobs: Path, job_id: str, attempt: int) -> Path:
    """Folder of one attempt, in the state's folder `jobs`."""
    return jobs / f"{job_id.replace(':', '-')}-{attempt}"


def _take_slot(job: Any) -> bool:
    """Wait until the compute environment has room; False if the job was terminated before."""
    while not job.stop:
        if wiring.current().slots.acquire(timeout=_SLOT_POLL):
            return True
    return False


def _attempts(job: Any) -> bool:
    """Run attempts until one succeeds or none is left."""
    job.status = JobStatus.STARTING
    strategy = RetryStrategy.parse(getattr(job, "retry_strategy", None) or job.job_definition.retry_strategy or {})
    for number in range(1, strategy.attempts + 1):
        ended = _attempt(job, number)
        if ended is None:
            return not job.stop
        if job.stop or not strategy.retries(ended):
            return False
        if number < strategy.attempts:
            job.status = JobStatus.RUNNABLE
    return False


def _attempt(job: Any, number: int) -> Ended | None:
    """Run one attempt; None if it succeeded."""
    here = wiring.current()
    folder = attempt_folder(here.state.jobs, job.job_id, number)
    job.job_started_at = datetime.now()
    job.log_stream_name = f"{job.job_definition.name}/default/{folder.name}"
    job._start_attempt()
    role = (job.job_definition.container_properties or {}).get("jobRoleArn")
    if iam_delay.not_assumed(role):
        return _record(job, None, f"ECS was unable to assume the role '{role}' that was provided for this task.")
    try:
        attempt = runner.Attempt(
            command=_command(job),
            environment=_environment(job, number),
            folder=folder,
            visible=here.visible,
            timeout=job._get_attempt_duration(),
        )
    except LocalError as error:
        return _record(job, None, str(error))
    job.status = JobStatus.RUNNING
    logs = _LogStream(job, attempt.log)
    try:
        outcome = runner.run(
            attempt,
            here.isolation,
            stop_reason=lambda: (job.job_stopped_reason or "terminated") if job.stop else None,
            on_log=logs.flush,
        )
    except OSError as error:
        # what ECS says of a command that the image does not have
        return _record(job, 127, f"CannotStartContainerError: {error}")
    reason = outcome.stopped or "Essential container in task exited"
    ended = _record(job, outcome.exit_code, reason)
    return None if outcome.succeeded else ended


def _record(job: Any, exit_code: int | None, reason: str) -> Ended:
    """Write down how an attempt ended, where DescribeJobs finds it."""
    job.exit_code = exit_code
    job.job_stopped_at = datetime.now()
    if exit_code is not None:
        job.latest_attempt["container"]["exitCode"] = exit_code
    job.latest_attempt["statusReason"] = reason
    if not job.stop:
        job.job_stopped_reason = reason
    job._stop_attempt()
    return Ended(exit_code=exit_code, status_reason=reason)


def _command(job: Any) -> list[str]:
    properties = job.job_definition.container_properties or {}
    command = job.container_overrides.get("command") or properties.get("command") or []
    if not command:
        raise LocalError(
            "The job has no command, so the image's own would run; the embedded AWS has no images. "
            "Give the job definition or SubmitJob a command."
        )
    filled: list[str] = job._add_parameters_to_command(command)
    return filled


def _environment(job: Any, number: int) -> dict[str, str]:
    here = wiring.current()
    definition = job.job_definition
    properties = definition.container_properties or {}
    fargate = "FARGATE" in (definition.platform_capabilities or [])
    queue = job.job_queue
    own = _variables(properties) | _variables(job.container_overrides)
    environment = {
        "PATH": f"{here.state.bin}:{Path(here.python).parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JOB_ATTEMPT": str(number),
        "AWS_BATCH_JQ_NAME": queue.name,
        "AWS_BATCH_CE_NAME": queue.environments[0].name if queue.environments else "",
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE" if fargate else "AWS_ECS_EC2",
        # what the container's role and AWS's endpoints stand for
        "AWS_ACCESS_KEY_ID": identity.access_key("job", properties.get("jobRoleArn")),
        "AWS_SECRET_ACCESS_KEY": identity.SECRET_KEY,
        "AWS_ENDPOINT_URL": here.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        # plain HTTP goes to the emulator, which refuses the instance metadata address at once:
        # Metaflow asks it in every task, and where nothing answers there that takes seconds
        "HTTP_PROXY": here.endpoint,
        "http_proxy": here.endpoint,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
        # Metaflow's default is 64 processes per batch of S3 operations
        "METAFLOW_S3_WORKER_COUNT": "2",
    }
    if here.isolation is not runner.Isolation.NONE:
        package = own.get("METAFLOW_CODE_SHA") or "none"
        tree = bytecode.tree(here.state.bytecode, package, here.interpreter, here.bytecode)
        environment["PYTHONPYCACHEPREFIX"] = str(tree)
    if "index" in (job.array_properties or {}):
        environment["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.array_properties["index"])
    environment |= own
    environment |= job_secrets.resolve(
        properties.get("secrets") or [], properties.get("executionRoleArn"), here.endpoint
    )
    return environment


def _variables(properties: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in properties.get("environment") or []}


class _LogStream:
    """Copies an attempt's output into CloudWatch Logs, line by line."""

    def __init__(self, job: Any, path: Path) -> None:
        self._backend = job._log_backend
        self._stream = job.log_stream_name
        self._path = path
        self._position = 0
        self._backend.ensure_log_group(LOG_GROUP)
        self._backend.ensure_log_stream(LOG_GROUP, self._stream)

    def flush(self) -> None:
        """Send the whole lines that are new."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            new = file.read()
        complete = new[: new.rfind(b"\n") + 1]
        self._position += len(complete)
        now = int(unix_time_millis())
        lines = [line for line in complete.decode("utf-8", "replace").split("\n") if line]
        if lines:
            events = [{"timestamp": now, "message": line} for line in lines]
            self._backend.put_log_events(LOG_GROUP, self._stream, events)


def _finish_array(job: Any) -> None:
    """End an array job once its last child has ended."""
    if "index" not in (job.array_properties or {}):
        return
    parent = job.all_jobs.get(job.job_id.rpartition(":")[0])
    children = parent._child_jobs if parent is not None else None
    if children and all(child.job_stopped for child in children):
        failed = any(child.status == JobStatus.FAILED for child in children)
        if failed:
            parent.job_stopped_reason = "Array Child Job failed"
        parent._mark_stopped(success=not failed)


MEND = Mend("jobs", (patch(Job, "run", run),))
