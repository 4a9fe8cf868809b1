"""What a flow says of its pods that Metaflow does not give to Airflow. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from flowinfra.targets.airflow.compiled import AirflowCompiled

GIVEN = frozenset(
    ("compute_pool", "disk", "gpu_vendor", "namespace", "node_selector", "qos", "secrets", "service_account")
)
"""Attributes of @kubernetes that arrive in Airflow, beside CPU, memory, GPUs and image."""


def unused(compiled: AirflowCompiled) -> Iterator[str]:
    """The attributes that have no effect on Airflow, for each step, in words."""
    for name, step in compiled.flow.steps.items():
        if ignored := sorted(set(step.resources.extra) - GIVEN):
            yield (
                f"{compiled.name}: step {name!r}: no effect on Airflow of what its pod is given: {', '.join(ignored)}; "
                "Metaflow leaves it out there"
            )
