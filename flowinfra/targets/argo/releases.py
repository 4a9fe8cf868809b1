"""Which releases of Argo Workflows flows are deployed to, and what others cannot do. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from flowinfra.errors import ClusterError, FlowInfraError
from flowinfra.targets.argo.plan import ArgoPlan

NEWEST, OLDEST = (4, 1), (3, 7)
"""Minor releases that flows are tried on: the one to install, and the oldest."""
_SCHEDULES = (3, 6)
"""The first whose CronWorkflows have a list of schedules."""
_WAITING = (((3, 7, 11), (3, 7, 15)), ((4, 0, 2), (4, 0, 6)))
"""First and last of those that wait for ever for an output of a step that was left out."""
_TO_INSTALL = "install {}.{}, or the newest {}.{}".format(*NEWEST, *OLDEST)


def version_problems(plan: ArgoPlan, version: str) -> Iterator[FlowInfraError]:
    """What a flow needs and this version of Argo does not have."""
    found = _numbers(version)
    if plan.compiled.argo.cron_workflow is not None and found < _SCHEDULES:
        yield ClusterError(
            f"{plan.name}: Argo Workflows {version}, which the cluster has, knows no `schedules` of a CronWorkflow: "
            f"@schedule would never start the flow; {_TO_INSTALL}"
        )
    if plan.leaves_steps_out and any(first <= found <= last for first, last in _WAITING):
        yield ClusterError(
            f"{plan.name}: Argo Workflows {version}, which the cluster has, waits for ever for outputs of steps that a "
            f"switch leaves out; {_TO_INSTALL}"
        )


def warning(version: str) -> str | None:
    """What is to be said of a version whatever the flow; None for those that flows are tried on, and newer ones."""
    if _numbers(version) >= OLDEST:
        return None
    return f"Argo Workflows {version}, which the cluster has, is older than what flows are tried on; {_TO_INSTALL}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
