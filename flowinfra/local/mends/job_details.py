"""DescribeJobs changes nothing, and its answer has the exit code.

AWS: `container` of DescribeJobs holds `exitCode` and `reason` once the job has ended
(https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerDetail.html).

moto: appends AWS_BATCH_JOB_ID to the job's own environment on every call, and leaves the exit code out.
"""

from __future__ import annotations

from typing import Any

from moto.batch.models import Job

from flowinfra.local.mends.mend import Mend, patch

_details = Job._container_details


def details(self: Any) -> dict[str, Any]:
    """`container` of a job, on a copy of its overrides."""
    overrides = self.container_overrides
    self.container_overrides = {
        **overrides,
        "environment": list(overrides.get("environment") or []),
    }
    try:
        found: dict[str, Any] = _details(self)
    finally:
        self.container_overrides = overrides
    if self.exit_code is not None:
        found["exitCode"] = self.exit_code
    return found


MEND = Mend("job-details", (patch(Job, "_container_details", details),))
