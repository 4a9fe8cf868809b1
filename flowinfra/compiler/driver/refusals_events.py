"""What is wrong with a flow's @trigger and @trigger_on_finish, on each target that starts flows by events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import places
from .protocol import Part

_RESET = '{"reset_at": {"cron": "0 8 * * *", "timezone": "Europe/Berlin"}}'
DECORATORS = ("trigger", "trigger_on_finish")


def option_refusals(flow: Any) -> Iterator[Part]:
    """Options of the flow's triggers that Metaflow stumbles over, or leaves out without a word."""
    given = {
        name: [decorator.attributes["options"] for decorator in flow._flow_decorators.get(name, ())]
        for name in DECORATORS
    }
    for name, several in given.items():
        place = places.of_flow_decorator(type(flow), name)
        for options in several:
            for words in _option_problems(options):
                yield {"subject": f"@{name} of {flow.name}", "words": words, **place}
    if any(given["trigger"]) and given["trigger_on_finish"]:
        words = "of a flow with both, Metaflow takes the options of @trigger_on_finish alone: give them there"
        yield {
            "subject": f"@trigger(options=…) of {flow.name}",
            "words": words,
            **places.of_flow_decorator(type(flow), "trigger"),
        }


def event_refusals(flow: Any, triggers: list[dict[str, Any]], cased: bool) -> Iterator[Part]:
    """Find events that would have no effect, or start runs that fail; a run starts when all its events have come.

    Args:
        flow: with its parameters.
        triggers: as Metaflow makes them of the decorators.
        cased: whether a parameter is found by its name in lower case alone, as Metaflow writes it.
    """
    wanted = {name for trigger in triggers for name in trigger.get("parameters") or ()}
    for attribute, parameter in flow._get_parameters():
        name = parameter.name if cased else parameter.name.lower()
        # Metaflow looks for the name in lower case, and does not find it
        if cased and name.lower() in wanted - {name}:
            words = "is set by an event (@trigger), for which Metaflow wants its name in lower case: write it so"
        elif triggers and name not in wanted and _needs_value(parameter):
            words = (
                "is required and has no default, and no event of the flow sets it: a run that events start would end "
                "with `Missing option`; give it a default, or name it in `parameters` of @trigger"
            )
        else:
            continue
        yield {"subject": f"parameter {parameter.name}", "words": words, **places.of_attribute(type(flow), attribute)}


def _option_problems(options: Any) -> Iterator[str]:
    if not isinstance(options, dict) or options.keys() - {"reset_at"}:
        yield f"options={options!r}: write {_RESET}, which is all that Metaflow knows, or leave it out"
        return
    reset = options.get("reset_at", {"cron": ""})
    if (
        not isinstance(reset, dict)
        or reset.keys() - {"cron", "timezone"}
        or not isinstance(reset.get("cron"), str)
        or not isinstance(reset.get("timezone", ""), (str, type(None)))
    ):
        yield f"reset_at={reset!r}: write {_RESET}, with text for both; `timezone` may be left out"


def _needs_value(parameter: Any) -> bool:
    given = parameter.kwargs
    return not parameter.IS_CONFIG_PARAMETER and bool(given.get("required")) and given.get("default") is None
