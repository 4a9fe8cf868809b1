"""What a person does next about a run: commands that read its logs and resume it. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from flowinfra.operate.runs.history import Failure

_LOCALLY = "flowinfra local exec -- "


@dataclass(frozen=True)
class Where:
    """Where a run is, as commands name it."""

    region: str
    profile: str | None
    embedded: bool
    """On the embedded AWS, whose commands run beside it."""


@dataclass(frozen=True)
class InCluster:
    """Where a run on Argo is, as commands name it."""

    namespace: str
    kubeconfig: str | None
    """Path; None for that of KUBECONFIG or ~/.kube/config, and for one that the stack has as a text."""
    context: str | None


def logs(trigger: str, run_id: str, failure: Failure, where: Where | InCluster) -> str | None:
    """The command that reads the logs of a failed step; None where no task has begun.

    `trigger` starts a run of the same flow by Metaflow's own means.
    """
    if failure.step is None or failure.task is None:
        return None
    if isinstance(where, InCluster):
        if failure.log_stream is None:  # Metaflow's own copy is in the datastore
            return f"{_flow(trigger)} logs {run_id}/{failure.step}"
        words = ["kubectl", *(["--kubeconfig", where.kubeconfig] if where.kubeconfig else [])]
        words += ["--context", where.context] if where.context else []
        return shlex.join([*words, "-n", where.namespace, "logs", failure.log_stream, "-c", "main"])
    if where.embedded:
        return f"flowinfra local logs {run_id}/{failure.step}"
    if failure.log_stream is None:
        return None
    words = ["aws", "logs", "get-log-events", "--log-group-name", failure.log_group]
    words += ["--log-stream-name", failure.log_stream, "--start-from-head", "--region", where.region]
    words += ["--profile", where.profile] if where.profile else []
    return shlex.join([*words, "--query", "events[].message", "--output", "text"])


def resume(trigger: str, run_id: str, where: Where | InCluster) -> str:
    """The command that goes on with a run on a laptop, from the step that failed.

    `trigger` starts a run of the same flow by Metaflow's own means: variables, file and options are the same.
    """
    flow = _flow(trigger)
    if isinstance(where, Where) and where.embedded:
        # what follows is a program and no shell: variables before it need one
        flow = f"{_LOCALLY}{'' if flow.startswith('python ') else 'env '}{flow}"
    return f"{flow} resume --origin-run-id {run_id}"


def _flow(trigger: str) -> str:
    """The flow's file with its options, as a command."""
    found = (trigger.rpartition(f" {command} ")[0] for command in ("step-functions", "argo-workflows"))
    return next(filter(None, found), trigger)
