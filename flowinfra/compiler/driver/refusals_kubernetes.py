"""What no orchestrator on Kubernetes takes of a step."""

from __future__ import annotations

_OTHER_COMPUTE = {"batch": "AWS Batch", "slurm": "Slurm"}


def other_compute(decorator: str, orchestrator: str) -> str | None:
    """What is said of a decorator that has a step run elsewhere; None for any other."""
    if decorator not in _OTHER_COMPUTE:
        return None
    return (
        f"@{decorator}: is for {_OTHER_COMPUTE[decorator]}; on {orchestrator} a step runs on Kubernetes: use "
        "@kubernetes, or @resources, which fits both"
    )
