"""A flow's state machine, read from its definition, and the input of an execution of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.errors import TriggerError

_LONGEST_INPUT = 20480
"""Characters, as in Metaflow: Batch limits the job's specification."""


@dataclass(frozen=True)
class Machine:
    """A state machine that can be triggered."""

    name: str
    arn: str
    flow: str | None
    """Name of the Metaflow flow; None for a state machine that was not made from a flow."""
    defaults: Mapping[str, Any] | None
    """Parameters that have a default → it; None for a flow without any."""
    datastore: str | None
    """Root of Metaflow's datastore that the start step's state names; None where its job definition names it."""
    job_definition: str | None
    """Job definition of the start step."""

    @property
    def is_flow(self) -> bool:
        """Whether it is Metaflow's."""
        return self.flow is not None


def read(name: str, arn: str, definition: Mapping[str, Any]) -> Machine:
    """Read from a definition which flow it is; Metaflow keeps that in the start state."""
    start = definition["States"][definition["StartAt"]].get("Parameters", {})
    attributes = start.get("Parameters", {})
    variables = {each["Name"]: each.get("Value") for each in start.get("ContainerOverrides", {}).get("Environment", ())}
    defaults = variables.get("METAFLOW_DEFAULT_PARAMETERS")
    return Machine(
        name=name,
        arn=arn,
        flow=attributes.get("metaflow.flow_name"),
        defaults=None if defaults is None else json.loads(defaults),
        datastore=variables.get("METAFLOW_DATASTORE_SYSROOT_S3"),
        job_definition=start.get("JobDefinition"),
    )


def datastore(batch: Any, machine: Machine) -> str | None:
    """Root of the datastore that a flow's tasks use; None where neither state nor job definition names one.

    Steps share variables through their job definitions, and where a flow has one step, all of them are there.
    """
    if machine.datastore is not None or machine.job_definition is None:
        return machine.datastore
    found = batch.describe_job_definitions(**_asked(machine.job_definition))["jobDefinitions"]
    variables = found[0].get("containerProperties", {}).get("environment", ()) if found else ()
    return next((each["value"] for each in variables if each["name"] == "METAFLOW_DATASTORE_SYSROOT_S3"), None)


def _asked(name: str) -> dict[str, Any]:
    """Arguments of DescribeJobDefinitions for a name, `name:revision` or ARN, as a state has it."""
    if name.startswith("arn:") or ":" in name:
        return {"jobDefinitions": [name]}
    return {"jobDefinitionName": name, "status": "ACTIVE"}


def execution_input(machine: Machine, values: Mapping[str, Any]) -> str:
    """Input of an execution: `{"Parameters": "{…}"}` for a flow, as Metaflow's `trigger` writes it, and the values
    themselves otherwise.

    Raises:
        TriggerError: it is longer than Metaflow allows.
    """
    if not machine.is_flow:
        return json.dumps(dict(values))
    text = json.dumps({"Parameters": json.dumps(dict(values))})
    if len(text) > _LONGEST_INPUT:
        raise TriggerError(
            f"the parameters take {len(text)} characters, and Metaflow allows {_LONGEST_INPUT} on Step Functions; give "
            "a long one as a file in the datastore"
        )
    return text
