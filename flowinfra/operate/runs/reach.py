"""A flow of a stack and its executions, reached as the stack's configuration says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import boto3

from flowinfra.clouds.aws import Access, refuse_other_account
from flowinfra.clouds.workflows import Workflows
from flowinfra.engine.command import pulumi
from flowinfra.engine.project import project_folder
from flowinfra.engine.state import export_state, resources_in_state
from flowinfra.errors import TriggerError
from flowinfra.operate.preview_stacks.workflows import templates
from flowinfra.operate.recover import access_of
from flowinfra.operate.runs.account import Executions, Run
from flowinfra.operate.runs.advice import InCluster, Where
from flowinfra.operate.runs.cluster import WorkflowRuns
from flowinfra.operate.runs.progress import Progress
from flowinfra.operate.runs.stack import DeployedFlow, chosen, flows_of


class Runs(Protocol):
    """Runs of one deployed flow: what its target is asked."""

    @property
    def interval(self) -> float:
        """Seconds between two looks at a run that is followed."""

    def start(self, values: Mapping[str, Any]) -> str:
        """Start a run with these parameters; returns how it is asked for."""

    def ref_of(self, run_id: str) -> str:
        """How a run is asked for, by Metaflow's id."""

    def progress(self, ref: str) -> Progress:
        """How far a run is, step by step."""

    def run(self, ref: str) -> Run:
        """One run, with what made it fail."""

    def last(self, count: int) -> list[Run]:
        """The last runs, the newest first."""


@dataclass(frozen=True)
class Reached:
    """A deployed flow, and whom to ask about its runs."""

    stack: str
    flow: DeployedFlow
    runs: Runs
    where: Where | InCluster
    s3: Callable[[], Any]
    """Makes a client of the account that has the stack's datastore."""

    @property
    def forgets(self) -> str:
        """How long its runs are known."""
        if isinstance(self.where, InCluster):
            return "a run is known as long as the cluster has its workflow: until its time to live is over"
        return "Step Functions forgets executions 90 days after their end"


def reach(stack: str, wanted: str, start: Path) -> Reached:
    """Find a flow in the state of a stack, and the account that it is in.

    Args:
        stack: its name.
        wanted: the flow's class, what it is deployed as, or its component's name.
        start: a folder of the Pulumi project.

    Raises:
        TriggerError: no such flow is deployed, or it is on Airflow.
        StateError: the stack has nothing deployed.
        ToolError: Pulumi or AWS fails, or the credentials are of another account.
        ClusterError: the cluster is not known.
        MissingExtraError: what asks a cluster is not installed.
    """
    folder = project_folder(start)
    flow = chosen(flows_of(export_state(folder, stack), stack), wanted, stack)
    if flow.target == "airflow":
        raise TriggerError(
            f"{flow.name} is deployed to Airflow, which `flowinfra run` and `flowinfra runs` do not ask. "
            f"A run is started by: {flow.trigger}\n"
            f"Runs are listed by: airflow dags list-runs {flow.name}  (with -d before the name in Airflow 2)"
        )
    if flow.target == "argo":
        return _in_cluster(stack, flow, folder)
    if flow.arn is None:
        raise _unfinished(stack, flow, "state machine")
    access, session = session_of(stack, folder, flow.arn)
    executions = Executions(session, flow.arn)
    where = Where(executions.region, access.profile, executions.embedded)
    return Reached(stack, flow, executions, where, partial(session.client, "s3"))


def _in_cluster(stack: str, flow: DeployedFlow, folder: Path) -> Reached:
    """A flow on Argo, in the cluster that the stack's Kubernetes provider has."""
    # a kubeconfig may be a secret of the stack's
    resources = resources_in_state(
        pulumi(folder, "stack", "export", "--show-secrets", "--stack", stack).encode(), stack
    )
    namespace = flow.outputs.get("kubernetes_namespace")
    for place, names in templates(resources).items():
        if flow.name in names and place.namespace == namespace:
            runs = WorkflowRuns(Workflows(place.kubeconfig, place.context), place.namespace, flow.name)
            # a text has credentials, and a command takes a path
            path = place.kubeconfig if place.kubeconfig and Path(place.kubeconfig).is_file() else None
            where = InCluster(place.namespace, path, place.context)
            return Reached(stack, flow, runs, where, lambda: access_of(stack, folder).session().client("s3"))
    raise _unfinished(stack, flow, "WorkflowTemplate")


def _unfinished(stack: str, flow: DeployedFlow, what: str) -> TriggerError:
    return TriggerError(
        f"{flow.name} has no {what} in the state of the stack {stack!r}: its deploy did not come so far; "
        f"`pulumi up -s {stack}` goes on"
    )


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
