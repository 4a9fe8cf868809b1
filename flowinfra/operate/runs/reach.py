"""A flow of a stack and its executions, reached as the stack's configuration says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import boto3

from flowinfra.clouds.aws import Access, refuse_other_account
from flowinfra.engine.project import project_folder
from flowinfra.engine.state import export_state
from flowinfra.errors import TriggerError
from flowinfra.operate.recover import access_of
from flowinfra.operate.runs.account import Executions
from flowinfra.operate.runs.advice import Where
from flowinfra.operate.runs.stack import DeployedFlow, chosen, flows_of

_LISTS = {
    "argo": "kubectl get workflows -l workflows.argoproj.io/workflow-template={name}",
    "airflow": "airflow dags list-runs -d {name}",
}
"""What lists the runs of a flow on another target."""


@dataclass(frozen=True)
class Reached:
    """A deployed flow, and whom to ask about its runs."""

    stack: str
    flow: DeployedFlow
    executions: Executions
    where: Where


def reach(stack: str, wanted: str, start: Path) -> Reached:
    """Find a flow in the state of a stack, and the account that it is in.

    Args:
        stack: its name.
        wanted: the flow's class, what it is deployed as, or its component's name.
        start: a folder of the Pulumi project.

    Raises:
        TriggerError: no such flow is deployed, or not on Step Functions.
        StateError: the stack has nothing deployed.
        ToolError: Pulumi or AWS fails, or the credentials are of another account.
    """
    folder = project_folder(start)
    flow = chosen(flows_of(export_state(folder, stack), stack), wanted, stack)
    if flow.target != "step-functions":
        raise TriggerError(
            f"{flow.name} is deployed to {flow.target}, and `flowinfra run` and `flowinfra runs` know Step Functions. "
            f"A run is started by: {flow.trigger}\n"
            f"Runs are listed by: {_LISTS.get(flow.target, '').format(name=flow.name)}"
        )
    if flow.arn is None:
        raise TriggerError(
            f"{flow.name} has no state machine in the state of the stack {stack!r}: its deploy did not come so far; "
            f"`pulumi up -s {stack}` goes on"
        )
    access, session = session_of(stack, folder, flow.arn)
    executions = Executions(session, flow.arn)
    return Reached(stack, flow, executions, Where(executions.region, access.profile, executions.embedded))


def session_of(stack: str, folder: Path, arn: str) -> tuple[Access, boto3.Session]:
    """How a stack's account is reached, and a session in the region of one of its state machines.

    Raises:
        ToolError: the credentials are of another account than the state machine.
    """
    _, _, _, region, account, *_ = arn.split(":")
    access = access_of(stack, folder)
    session = access.session(region)
    refuse_other_account(session, {account}, f"the stack {stack!r}")
    return access, session
