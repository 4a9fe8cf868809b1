"""Variables of the tasks that tests run: what Metaflow's own processes need not do again and again."""

from __future__ import annotations

LEAN = {
    # No sidecars: two processes beside each task, and those that they start. One uploads the logs again and again while
    # the task runs, and its end uploads them whole; the other asks EC2 whether a spot instance is taken away. They are
    # a third of what a short task costs.
    "METAFLOW_ENABLED_SIDECAR": "",
    # Metaflow's default is 64 processes per batch of S3 operations.
    "METAFLOW_S3_WORKER_COUNT": "1",
}
"""Nothing of a compiled flow speaks of them. Tasks are as ever in tests/local, and where the commands of README and
guides start an embedded AWS of their own (tests/e2e/test_documented_commands.py).
"""
