"""Triggers a deployed flow, as Metaflow's own `step-functions trigger` does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from flowinfra.errors import LocalError
from flowinfra.local import identity
from flowinfra.local.state import Instance

_LONGEST_INPUT = 20480
"""Characters, as in Metaflow: Batch limits the job's specification."""


@dataclass(frozen=True)
class Deployed:
    """A state machine that can be triggered."""

    name: str
    arn: str
    flow: str | None
    """Name of the Metaflow flow; None for a state machine that was not made from a flow."""
    parameters: Mapping[str, Any] | None
    """Parameters that have a default → it; None for a flow without parameters."""

    @property
    def is_flow(self) -> bool:
        """Whether it is Metaflow's."""
        return self.flow is not None


def client(instance: Instance, service: str) -> Any:
    """A boto3 client of the emulator."""
    return boto3.session.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=instance.endpoint,
        region_name=identity.REGION,
        aws_access_key_id=identity.USER_KEY,
        aws_secret_access_key=identity.SECRET_KEY,
    )


def deployed(states: Any) -> list[Deployed]:
    """All state machines of the emulator."""
    pages = states.get_paginator("list_state_machines").paginate()
    machines = [machine for page in pages for machine in page["stateMachines"]]
    return [
        describe(
            machine["name"],
            machine["stateMachineArn"],
            json.loads(states.describe_state_machine(stateMachineArn=machine["stateMachineArn"])["definition"]),
        )
        for machine in machines
    ]


def describe(name: str, arn: str, definition: Mapping[str, Any]) -> Deployed:
    """Read from a definition which flow it is; Metaflow keeps that in the start state."""
    start = definition["States"][definition["StartAt"]].get("Parameters", {})
    attributes = start.get("Parameters", {})
    variables = {each["Name"]: each.get("Value") for each in start.get("ContainerOverrides", {}).get("Environment", ())}
    defaults = variables.get("METAFLOW_DEFAULT_PARAMETERS")
    return Deployed(
        name=name,
        arn=arn,
        flow=attributes.get("metaflow.flow_name"),
        parameters=None if defaults is None else json.loads(defaults),
    )


def choose(machines: Sequence[Deployed], wanted: str) -> Deployed:
    """The state machine of that name, or the only one of that flow; LocalError otherwise."""
    exact = [machine for machine in machines if machine.name == wanted]
    candidates = exact or [machine for machine in machines if machine.flow == wanted]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        names = ", ".join(sorted(machine.name for machine in candidates))
        raise LocalError(f"{wanted} is deployed several times. Say which one: {names}.")
    if not machines:
        raise LocalError(
            f"{wanted} is not deployed on the embedded AWS, which has no state machine yet. Deploy with "
            "`flowinfra local exec -- pulumi up -s local`; flows on Argo and Airflow run there, not here."
        )
    names = ", ".join(
        machine.name if machine.flow in (None, machine.name) else f"{machine.name} (flow {machine.flow})"
        for machine in sorted(machines, key=lambda machine: machine.name)
    )
    raise LocalError(f"{wanted} is not deployed on the embedded AWS. Deployed are: {names}.")


def parse_parameters(words: Sequence[str]) -> dict[str, str]:
    """`--name value` and `--name=value` words as a mapping; LocalError for anything else."""
    parameters: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word == "--":
            raise LocalError(f"{word!r} is not a parameter: give them as --name VALUE.")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise LocalError(f"Parameter {word} has no value: give it as {word} VALUE.")
            value = rest.pop(0)
        if name in parameters:
            raise LocalError(f"Parameter {word} is given twice.")
        parameters[name] = value
    return parameters


def input_of(machine: Deployed, given: Mapping[str, str]) -> str:
    """Input of the execution: `{"Parameters": "{…}"}` for a flow, the parameters themselves
    otherwise.

    A value has the type of the parameter's default, where that is known; Metaflow converts the
    others in the start step.
    """
    if not machine.is_flow:
        return json.dumps(dict(given))
    if given and machine.parameters is None:
        raise LocalError(f"{machine.flow} has no parameters, but --{next(iter(given))} is given.")
    defaults = machine.parameters or {}
    names = {_normal(name): name for name in defaults}
    values = {}
    for name, text in given.items():
        known = names.get(_normal(name), name)
        values[known] = _typed(known, text, defaults.get(known))
    text = json.dumps({"Parameters": json.dumps(values)})
    if len(text) > _LONGEST_INPUT:
        raise LocalError(
            f"The parameters take {len(text)} characters; Metaflow allows {_LONGEST_INPUT} on Step Functions."
        )
    return text


def trigger(states: Any, machine: Deployed, given: Mapping[str, str]) -> str:
    """Start an execution; return its ARN."""
    answer = states.start_execution(stateMachineArn=machine.arn, input=input_of(machine, given))
    return str(answer["executionArn"])


def _normal(name: str) -> str:
    """Metaflow's own folding: case and `-` or `_` make no difference."""
    return name.lower().replace("-", "_")


def _typed(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise LocalError(f"Parameter --{name} is true or false, not {text!r}.")
        return text.lower() == "true"
    if isinstance(default, (int, float)):
        try:
            return int(text) if isinstance(default, int) else float(text)
        except ValueError:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise LocalError(f"Parameter --{name} is {kind}, not {text!r}.") from None
    return text
