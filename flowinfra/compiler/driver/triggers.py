"""@trigger and @trigger_on_finish on Step Functions, which Metaflow refuses there.

It compiles the flow as if it had none of them, and reads their events as it does for Argo: names, projects, branches,
functions and the parameters that events set are then the same on both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from . import places
from .internals import internals
from .protocol import Part
from .refusal import refuse
from .refusals_events import DECORATORS, event_refusals, option_refusals

_MAKER = ("metaflow.plugins.aws.step_functions.step_functions", "StepFunctions")
_READER = ("metaflow.plugins.argo.argo_workflows", "ArgoWorkflows")

SEAMS = ((_MAKER[0], f"{_MAKER[1]}._compile"), (_READER[0], f"{_READER[1]}._process_triggers"))


class _Untriggered:
    """A flow without the decorators that Metaflow refuses."""

    def __init__(self, flow: Any) -> None:
        self._flow_decorators = {name: found for name, found in flow._flow_decorators.items() if name not in DECORATORS}
        self._flow = flow

    def __getattr__(self, name: str) -> Any:
        return getattr(self._flow, name)


def install() -> None:
    """Have Metaflow compile flows with triggers; what it makes has them as its attribute `triggers`."""
    maker = getattr(internals(_MAKER[0]), _MAKER[1])
    original = maker._compile

    def compiled(self: Any) -> Any:
        flow = self.flow
        if not any(flow._flow_decorators.get(name) for name in DECORATORS):
            return original(self)
        self.triggers = _read(flow)
        self.flow = _Untriggered(flow)
        try:
            return original(self)
        finally:
            self.flow = flow

    maker._compile = compiled


def refusals(flow: Any) -> Iterator[Part]:
    """What must change of the flow's triggers."""
    yield from option_refusals(flow)
    if all(flow._flow_decorators.get(name) for name in DECORATORS):
        yield {
            "subject": f"@trigger of {flow.name}",
            "words": "stands beside @trigger_on_finish, and Metaflow knows no flow with both; use one of them",
            **places.of_flow_decorator(type(flow), "trigger"),
        }


def _read(flow: Any) -> list[dict[str, Any]]:
    exception = internals("metaflow.exception").MetaflowException
    try:
        found: list[dict[str, Any]] = getattr(internals(_READER[0]), _READER[1])._process_triggers(
            SimpleNamespace(flow=flow)
        )[0]
    except exception as refused:
        refused.headline = "its events"
        raise
    if parts := [*_of_the_whole(flow, found), *event_refusals(flow, found, cased=False)]:
        refuse("unsupported", json.dumps(parts))
    return found


def _of_the_whole(flow: Any, found: list[dict[str, Any]]) -> Iterator[Part]:
    name = next(name for name in DECORATORS if flow._flow_decorators.get(name))
    subject, place = f"@{name} of {flow.name}", places.of_flow_decorator(type(flow), name)
    own = f"metaflow.{internals('metaflow').current.get('project_flow_name', flow.name)}.end"
    names = [each["name"] for each in found]
    if own in names:
        words = "waits for the end of the flow itself: each run would start the next one, for ever"
        yield {"subject": subject, "words": words, **place}
    for twice in sorted({each for each in names if names.count(each) > 1}):
        yield {"subject": subject, "words": f"waits for {twice} twice, and one is enough: name it once", **place}
