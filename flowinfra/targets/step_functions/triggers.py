"""How events start a flow on Step Functions: rules of EventBridge, and what its tasks need to know of them. Pure.

A rule gives the state machine `{"Parameters": "{}", "Triggers": [...]}`: Metaflow's definition finds the parameters
that it asks for, as in an input that a person gives, and `flowinfra_trigger.py` in the tasks finds the events. An event
stands there as JSON, so that nothing has to be escaped, and no path is asked for that it may not have. Of a flow that
waits for several events the rules start another state machine (together.py), which starts the flow once all have come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from flowinfra.errors import ConfigError
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.compiled import Flow, Trigger
from flowinfra.model.events import EventConfig
from flowinfra.model.metaflow_names import name_digest
from flowinfra.targets.mends import QUOTED_EXPORT

IN_TASK = "flowinfra_trigger"
"""The module in the code package."""
TRIGGERED_EXPORT = f"python -m {IN_TASK} && . `pwd`/parameters.sh"
"""Exports the parameters of a run that an event may have started."""
STATE_MACHINE = {"Name": "FLOWINFRA_STATE_MACHINE", "Value.$": "$$.StateMachine.Id"}
"""Variable by which a task finds its execution."""
STATUS = "Step Functions Execution Status Change"

_INTERNAL = "--with=step_functions_internal step "
_BEGIN, _END = "metaflow.", ".end"
_LONGEST = 60
_KEY = 8


def in_package() -> dict[str, bytes]:
    """What the code package of a flow with triggers has beside the flow."""
    name = f"{IN_TASK}.py"
    return {name: files(__package__).joinpath(name).read_bytes()}


def told_command(command: str, sets_parameters: bool) -> str:
    """A step's command, whose task is told what started the run.

    Raises ValueError where Metaflow writes it in a way that this does not fit.
    """
    if command.count(_INTERNAL) != 1:
        raise ValueError("it names its decorator of Step Functions in another way")
    command = command.replace(_INTERNAL, f"{_INTERNAL.removesuffix('step ')}--with={IN_TASK}.Started step ")
    return command.replace(QUOTED_EXPORT, TRIGGERED_EXPORT) if sets_parameters else command


def told_state(state: dict[str, Any], sets_parameters: bool) -> dict[str, Any]:
    """A state whose job is told what started the run; a command that is in the datastore is told there."""
    parameters = state["Parameters"]
    overrides = parameters["ContainerOverrides"]
    told = {
        **overrides,
        "Command": [
            told_command(word, sets_parameters) if _INTERNAL in word else word for word in overrides["Command"]
        ],
        "Environment": [*overrides["Environment"], STATE_MACHINE],
    }
    return {**state, "Parameters": {**parameters, "ContainerOverrides": told}}


def upstream(trigger: Trigger) -> str | None:
    """The flow whose end a trigger waits for, with project and branch if it has any; None for another event."""
    return trigger.name.removeprefix(_BEGIN).removesuffix(_END) if trigger.type == "run" else None


def full_name(flow: Flow) -> str:
    """What others call a flow that they wait for: with project and branch if it has any."""
    return flow.name if flow.project is None else f"{flow.project.name}.{flow.project.branch}.{flow.name}"


def several(flow: Flow) -> bool:
    """Whether the flow waits for more than one event."""
    return len(flow.triggers) > 1


def key(trigger: Trigger) -> str:
    """What an event is called where it waits for others, whatever characters its name has."""
    return hashlib.sha256(trigger.name.encode()).hexdigest()[:_KEY]


def machine_name(flow: str, prefix: str | None) -> str:
    """What Metaflow calls a flow's state machine (`resolve_state_machine_name`); `flow`: with project and branch."""
    name = flow if prefix is None or flow.startswith(prefix) else f"{prefix}_{flow}"
    if "." in flow and len(name) > _LONGEST:
        return f"{name[:_LONGEST]}-{name_digest(name, 16)}"
    return name


def named(flow: Flow, events: Mapping[str, EventConfig]) -> dict[str, Json]:
    """Pattern of each event that the flow waits for by a name of the stack's own."""
    names = [trigger.name for trigger in flow.triggers if not upstream(trigger)]
    return {name: events[name].listens_to for name in names if name in events}


def listening(flow: Flow, events: Mapping[str, EventConfig], bus: Any, sends: bool = False) -> dict[str, Any]:
    """What a flow's triggers listen to, and where to it sends, as far as the stack says it: inputs of the component."""
    elsewhere = sends or any(on_own_bus(trigger, events) for trigger in flow.triggers)
    return {"event_patterns": named(flow, events), "event_bus": bus if elsewhere else None}


def on_own_bus(trigger: Trigger, events: Mapping[str, EventConfig]) -> bool:
    """Whether an event may come to another bus than the default one, where AWS' own services send theirs."""
    event = events.get(trigger.name)
    return upstream(trigger) is None and not (event and event.of_aws)


def pattern(trigger: Trigger, machine_arn: str | None, event: EventConfig | None = None) -> Mapping[str, Json]:
    """What a rule listens to.

    Args:
        trigger: of the flow.
        machine_arn: state machine of the flow whose end it waits for.
        event: what the stack means by the trigger's name.
    """
    if machine_arn is None:
        return event.listens_to if event else {"detail-type": [trigger.name]}
    return {
        "source": ["aws.states"],
        "detail-type": [STATUS],
        "detail": {"stateMachineArn": [machine_arn], "status": ["SUCCEEDED"]},
    }


def event_problems(who: str, flow: Flow, events: Mapping[str, EventConfig]) -> Iterator[ConfigError]:
    """Parameters that a run needs, and that an event of S3 or of a run does not have."""
    for trigger in flow.triggers:
        event = events.get(trigger.name)
        if event is None or event.pattern is not None:
            continue
        for parameter, key in trigger.parameters.items():
            declared = flow.parameters.get(parameter)
            if key not in event.names and declared and declared.required:
                yield ConfigError(
                    f"{who}: @trigger(event={trigger.name!r}) sets the required parameter {parameter!r} from {key!r}, "
                    f"which such an event does not have; allowed: {', '.join(event.names)} (`parameters` of the "
                    "event in @trigger), or a name of the stack's own (`payload` of the event in platform.events)"
                )


def transformer(trigger: Trigger, event: EventConfig | None = None, alone: bool = True) -> tuple[dict[str, str], str]:
    """Paths and template of the input that a rule gives a state machine: the flow's, or the one that waits for others.

    Of a flow that has ended it takes its run alone: the event holds the input of that run, which may hold that of the
    flow before it, and so on. `<aws.events.event.json>` is the whole event as JSON
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html).

    Args:
        trigger: of the flow.
        event: what the stack means by the trigger's name.
        alone: whether the flow waits for this event alone.
    """
    paths, told = _told(trigger, event)
    if not alone:
        return {**paths, "id": "$.id"}, f'{{"id":<id>,"key":{canonical_json(key(trigger))},"trigger":{told}}}'
    return paths, f'{{"Parameters":"{{}}","Triggers":[{told}]}}'


def _told(trigger: Trigger, event: EventConfig | None) -> tuple[dict[str, str], str]:
    """Paths and template of an event as `flowinfra_trigger.py` reads it."""
    told: dict[str, Json] = {"name": trigger.name, "type": trigger.type}
    flow = upstream(trigger)
    if flow is None:
        if trigger.parameters:
            names = event.names if event else {}
            told["parameters"] = {name: names.get(key, key) for name, key in trigger.parameters.items()}
        return {}, f'{canonical_json(told)[:-1]},"event":<aws.events.event.json>}}'
    told["flow"] = flow.rpartition(".")[2]
    return {"run": "$.detail.name", "time": "$.time"}, f'{canonical_json(told)[:-1]},"run":<run>,"time":<time>}}'
