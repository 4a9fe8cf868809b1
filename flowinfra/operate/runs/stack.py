"""Flows that a stack has deployed, by its state: what a person names, and what they are on their target."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowinfra.engine.preview import known
from flowinfra.engine.state import resources_in_state
from flowinfra.engine.tokens import FLOW_TYPE
from flowinfra.errors import TriggerError


@dataclass(frozen=True)
class DeployedFlow:
    """A flow's component in a stack's state."""

    label: str
    """The component's name."""
    flow: str
    """The flow's class."""
    name: str
    """What it is deployed as."""
    target: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    @property
    def arn(self) -> str | None:
        """ARN of the state machine; None on another target, and where the last deploy did not come so far."""
        arn = self.outputs.get("arn")
        return arn if isinstance(arn, str) and arn.startswith("arn:") else None

    @property
    def trigger(self) -> str:
        """The command that starts a run by Metaflow's own means."""
        return str(self.outputs.get("trigger", f"python {self.file} {self.target} trigger"))

    @property
    def file(self) -> str:
        """The flow's file."""
        return str(self.inputs.get("file", "FLOW.py"))


def flows_of(content: bytes, source: str) -> list[DeployedFlow]:
    """Flows that a state holds.

    Args:
        content: JSON of a state.
        source: names it in messages.

    Raises:
        StateError: the content is not a state, or is of a stack with nothing deployed.
    """
    found = []
    for index, resource in enumerate(resources_in_state(content, source)):
        kind = resource.get("type")
        if resource.get("delete") or not isinstance(kind, str) or not FLOW_TYPE.fullmatch(kind):
            continue
        inputs, outputs = (
            known(resource.get(part) or {}, f"{source}: resources[{index}]") for part in ("inputs", "outputs")
        )
        if not isinstance(inputs, dict) or not isinstance(outputs, dict):
            continue
        label = resource["urn"].split("::", 3)[-1]
        flow = str(inputs.get("flow", label))
        name = str(inputs.get("name", label))
        found.append(DeployedFlow(label, flow, name, str(inputs.get("target", "")), inputs, outputs))
    return found


def chosen(flows: Sequence[DeployedFlow], wanted: str, stack: str) -> DeployedFlow:
    """The flow of that deployed name, or of that component or class if only one has it.

    Raises:
        TriggerError: the stack has none, or several.
    """
    for candidates in (
        [flow for flow in flows if flow.name == wanted],
        [flow for flow in flows if flow.label == wanted],
        [flow for flow in flows if flow.flow == wanted],
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(sorted(f"{flow.label} ({flow.target})" for flow in candidates))
            raise TriggerError(f"{wanted} is deployed several times in the stack {stack!r}; say which one: {names}")
    known_as = sorted(flow.name for flow in flows)
    if not known_as:
        raise TriggerError(f"the stack {stack!r} has no flow deployed: `pulumi up -s {stack}` deploys them")
    near = difflib.get_close_matches(wanted, [*known_as, *(flow.flow for flow in flows)], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise TriggerError(
        f"the stack {stack!r} has no flow {wanted!r} deployed{hint}; deployed are: {', '.join(known_as)}"
    )
