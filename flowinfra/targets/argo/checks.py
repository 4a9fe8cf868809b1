"""What a flow says and Argo Workflows does not do, or does otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from flowinfra.compiler.driver.protocol import Flow
from flowinfra.compiler.flow_checks import parts_of_minutes, schedules
from flowinfra.compiler.request import CompileRequest
from flowinfra.targets.argo.request import numbers_of_other_days


def warnings(request: CompileRequest, described: Flow) -> Iterator[str]:
    """Pauses, days of the week, and exit hooks that miss their run."""
    yield from parts_of_minutes("Argo", described)
    yield from _other_days(described)
    yield from _hooks(request, described)


def _hooks(request: CompileRequest, described: Flow) -> Iterator[str]:
    """Functions that look at a run which their pod does not find (`exit_hook_script` of Metaflow)."""
    if request.shape.metadata == "local" and any(each["name"] == "exit_hook" for each in described["decorators"]):
        yield (
            f"@exit_hook of {described['name']}: a function that takes `run` is given None, for without a metadata "
            "service a hook's pod finds no run: give the platform a service_url, or let the functions do without `run`"
        )


def _other_days(described: Flow) -> Iterator[str]:
    """Schedules that Argo takes, and reads as other days than AWS does."""
    for cron, _ in schedules(described):
        if cron and (days := numbers_of_other_days(cron)):
            yield (
                f"@schedule: {cron!r} has the day of the week {days}. The form with six fields is AWS's, where Sunday "
                "is 1; to Argo, which gets the first five, Sunday is 0, so the flow runs a day later: write the day's "
                "name, such as MON, which both read alike"
            )
