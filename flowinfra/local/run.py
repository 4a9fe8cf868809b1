"""Flows that are deployed on the embedded AWS, as `flowinfra local run` starts them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import boto3

from flowinfra.engine.state import read_state
from flowinfra.errors import LocalError, StateError
from flowinfra.local import identity
from flowinfra.local.state import Instance, State
from flowinfra.operate.runs.machines import Machine, read
from flowinfra.operate.runs.parameters import Takes, of_definition, of_inputs
from flowinfra.operate.runs.stack import DeployedFlow, flows_of


def client(instance: Instance, service: str) -> Any:
    """A boto3 client of the emulator."""
    return boto3.session.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=instance.endpoint,
        region_name=identity.REGION,
        aws_access_key_id=identity.USER_KEY,
        aws_secret_access_key=identity.SECRET_KEY,
    )


def deployed(states: Any) -> list[Machine]:
    """All state machines of the emulator."""
    pages = states.get_paginator("list_state_machines").paginate()
    machines = [machine for page in pages for machine in page["stateMachines"]]
    return [
        read(
            machine["name"],
            machine["stateMachineArn"],
            json.loads(states.describe_state_machine(stateMachineArn=machine["stateMachineArn"])["definition"]),
        )
        for machine in machines
    ]


def choose(machines: Sequence[Machine], wanted: str) -> Machine:
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


def in_stacks(state: State, machine: Machine) -> DeployedFlow | None:
    """The flow in a stack of the emulator's own Pulumi backend; None for a state machine that was made by hand."""
    return next((flow for flow in _flows(state) if flow.arn == machine.arn), None)


def takes(machine: Machine, flow: DeployedFlow | None) -> Takes:
    """What a flow takes, by its stack's state where there is one."""
    return of_definition(machine) if flow is None else of_inputs(machine.flow or machine.name, flow.inputs)


def _flows(state: State) -> Iterator[DeployedFlow]:
    for file in sorted((state.pulumi_backend / ".pulumi" / "stacks").glob("*/*.json*")):
        if file.suffix not in (".json", ".gz"):
            continue
        try:
            yield from flows_of(read_state(file), file.name)
        except StateError:
            continue  # a stack with nothing deployed
