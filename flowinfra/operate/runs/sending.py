"""An event that a person sends to the flows of a stack, and which of them it starts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowinfra.engine.project import project_folder
from flowinfra.engine.state import export_state
from flowinfra.errors import ToolError, TriggerError
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.events.patterns import compiled
from flowinfra.operate.runs.account import asked
from flowinfra.operate.runs.reach import session_of
from flowinfra.operate.runs.stack import DeployedFlow, flows_of

SOURCE = "flowinfra"
"""Source of the events that are sent from here."""
_DEFAULT = "default"


@dataclass(frozen=True)
class Sent:
    """An event that was sent."""

    name: str
    ids: tuple[str, ...]
    """Ids that EventBridge gave it, one for each bus."""
    starts: tuple[str, ...]
    """The stack's flows that it starts, by what they are deployed as."""
    joins: Mapping[str, tuple[str, ...]]
    """Flow that it starts once others have come, too → the names of those."""
    passed: Mapping[str, str]
    """Flow that waits for that name and is not started → the reason."""


def send(stack: str, name: str, payload: Mapping[str, Json], start: Path) -> Sent:
    """Send an event to the buses that a stack's flows listen on.

    Args:
        stack: its name.
        name: of the event, as `@trigger` has it.
        payload: what the event says.
        start: a folder of the Pulumi project.

    Raises:
        TriggerError: the stack has no flow on Step Functions.
        StateError: the stack has nothing deployed.
        ToolError: Pulumi or AWS fails, or the credentials are of another account.
    """
    folder = project_folder(start)
    flows = [flow for flow in flows_of(export_state(folder, stack), stack) if flow.arn]
    if not flows:
        raise TriggerError(f"the stack {stack!r} has no flow on Step Functions deployed, which an event could start")
    waiting = [flow for flow in flows if name in (flow.inputs.get("triggers") or {})]
    _, session = session_of(stack, folder, str(flows[0].arn))
    starts, joins, passed = heard(waiting, name, payload)
    buses = sorted({str(flow.inputs.get("event_bus") or _DEFAULT) for flow in waiting or flows[:1]})
    with asked():
        ids = [_put(session.client("events"), bus, name, payload) for bus in buses]
    return Sent(name, tuple(ids), tuple(starts), joins, passed)


def heard(
    waiting: Sequence[DeployedFlow], name: str, payload: Mapping[str, Json]
) -> tuple[list[str], Mapping[str, tuple[str, ...]], Mapping[str, str]]:
    """Flows that an event starts; those that wait for others, too; and which it does not start, and why."""
    event = {"source": SOURCE, "detail-type": name, "detail": payload}
    starts: list[str] = []
    joins: dict[str, tuple[str, ...]] = {}
    passed: dict[str, str] = {}
    for flow in waiting:
        pattern = (flow.inputs.get("event_patterns") or {}).get(name)
        if pattern and not compiled(canonical_json(pattern)).matches(event):
            passed[flow.name] = f"the stack says that {name} stands for other events: {canonical_json(pattern)}"
        elif flow.inputs.get("triggers_off"):
            passed[flow.name] = "its triggers are turned off (`triggers: {enabled: false}`)"
        elif others := tuple(each for each in flow.inputs["triggers"] if each != name):
            joins[flow.name] = others
        else:
            starts.append(flow.name)
    return starts, joins, passed


def _put(client: Any, bus: str, name: str, payload: Mapping[str, Json]) -> str:
    entry = {"Source": SOURCE, "DetailType": name, "Detail": json.dumps(payload), "EventBusName": bus}
    [answer] = client.put_events(Entries=[entry])["Entries"]
    if "EventId" not in answer:
        raise ToolError(f"EventBridge did not take the event: {answer.get('ErrorCode')}: {answer.get('ErrorMessage')}")
    return str(answer["EventId"])
