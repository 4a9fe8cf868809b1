"""What moto gets wrong, mended: each module says which behaviour of AWS it restores, and has a test
that fails once moto has it.
"""

from __future__ import annotations

from flowinfra.local.mends import (
    asked_by_providers,
    clients,
    deletions,
    events,
    execution_events,
    execution_logs,
    execution_names,
    executions,
    integrations,
    job_definitions,
    job_details,
    job_tasks,
    jobs,
    json_paths,
    map_results,
    messages,
    nested_errors,
    object_events,
    pod_identities,
    query_languages,
    redeploys,
    schedules,
    service_roles,
    submissions,
    table_items,
    threads,
)
from flowinfra.local.mends.mend import Mend

MENDS: tuple[Mend, ...] = tuple(
    module.MEND
    for module in (
        asked_by_providers,
        clients,
        deletions,
        events,
        execution_events,
        execution_logs,
        execution_names,
        executions,
        integrations,
        job_definitions,
        job_details,
        job_tasks,
        jobs,
        json_paths,
        map_results,
        messages,
        nested_errors,
        object_events,
        pod_identities,
        query_languages,
        redeploys,
        schedules,
        service_roles,
        submissions,
        table_items,
        threads,
    )
)


def apply() -> None:
    """Put all mends in place."""
    for mend in MENDS:
        mend.apply()
