"""What a deployment that was made by hand becomes when a stack takes it over, in the flow's words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowinfra.targets.step_functions.by_hand import ByHand, TaskSize
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled

_STEP_TIMEOUT = 5 * 24 * 3600
"""Seconds: Metaflow's default for a step."""


def changes(found: ByHand, compiled: StepFunctionsCompiled) -> list[str]:
    """One line for each thing that differs; code and image are not among them."""
    return [*_flow(found, compiled), *_steps(found, compiled)]


def _flow(found: ByHand, compiled: StepFunctionsCompiled) -> Iterator[str]:
    flow, shape = compiled.flow, compiled.shape
    wanted: dict[str, Any] = {
        "tags": list(flow.tags),
        "namespace": flow.namespace,
        "max_workers": flow.max_workers,
        "workflow_timeout": flow.workflow_timeout,
        "environment": shape.environment,
        "distributed_map": shape.distributed_map,
        "compress": shape.compress,
        "batch_tags": shape.batch_tags,
    }
    given = {**found.options, **dict(found.options.get("step_functions") or {})}
    for key, will in wanted.items():
        if key in given and given[key] != will:
            yield f"{key} {_shown(given[key])} → {_shown(will)}"
    if found.metaflow and found.metaflow != compiled.metaflow:
        yield f"Metaflow {found.metaflow} → {compiled.metaflow}"


def _steps(found: ByHand, compiled: StepFunctionsCompiled) -> Iterator[str]:
    steps = compiled.flow.steps
    for name in found.sizes:
        if name not in steps:
            yield f"step {name} is removed"
    for name, step in steps.items():
        if name not in found.sizes:
            yield f"step {name} is added"
            continue
        was = found.sizes[name]
        will = TaskSize(
            cpu=step.resources.cpu,
            memory=step.resources.memory,
            gpu=step.resources.gpu or None,
            attempts=step.attempts,
            timeout=step.timeout or _STEP_TIMEOUT,
        )
        for key in TaskSize.__dataclass_fields__:
            before, after = getattr(was, key), getattr(will, key)
            if before != after:
                yield f"step {name}: {key} {_shown(before)} → {_shown(after)}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value in (None, [], {}) else str(value)
