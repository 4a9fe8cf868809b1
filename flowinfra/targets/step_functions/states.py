"""The states of a definition that submit Batch jobs, wherever they stand. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowinfra.model.base import Json

State = dict[str, Json]

_INSIDE = ("Iterator", "ItemProcessor")
"""Keys of a state with a workflow of its own."""


def submitting_states(workflow: Mapping[str, Any]) -> Iterator[State]:
    """All states that submit a Batch job, inner workflows included."""
    for state in workflow["States"].values():
        if _submits(state):
            yield state
        for key in _INSIDE:
            if key in state:
                yield from submitting_states(state[key])
        for branch in state.get("Branches", ()):
            yield from submitting_states(branch)


def with_submitting(workflow: Mapping[str, Any], change: Callable[[State], State]) -> dict[str, Json]:
    """The workflow with each state that submits a Batch job replaced by what `change` makes of it."""
    states = {}
    for name, state in workflow["States"].items():
        for key in _INSIDE:
            if key in state:
                state = {**state, key: with_submitting(state[key], change)}
        if "Branches" in state:
            state = {**state, "Branches": [with_submitting(branch, change) for branch in state["Branches"]]}
        states[name] = change(state) if _submits(state) else state
    return {**workflow, "States": states}


def step_of(state: Mapping[str, Any]) -> str:
    """Step of a state that submits a job."""
    step: str = state["Parameters"]["Parameters"]["metaflow.step_name"]
    return step


def _submits(state: Mapping[str, Any]) -> bool:
    return "JobDefinition" in state.get("Parameters", {})
