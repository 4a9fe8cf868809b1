"""Which execution and state each Batch job was submitted by: AWS has that only in the execution's
history.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Where a job comes from."""

    execution: str
    """ARN."""
    state: str


_origins: dict[str, Origin] = {}


def remember(job_id: str, execution: str, state: str) -> None:
    """Note that a state of an execution submitted a job."""
    _origins[job_id] = Origin(execution, state)


def origin(job_id: str) -> Origin | None:
    """Where a job comes from; None if no state machine submitted it."""
    return _origins.get(job_id)


def jobs_of(execution: str) -> list[tuple[str, Origin]]:
    """Jobs of an execution, in the order of submission."""
    return [(job_id, each) for job_id, each in list(_origins.items()) if each.execution == execution]
