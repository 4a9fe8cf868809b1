"""A risk as data, and every kind that there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flowinfra.report.words import Phrase

KINDS = {
    "state-machine-deleted": "a state machine is deleted: its executions' history is lost",
    "state-machine-replaced": "a state machine is replaced: its executions' history is lost",
    "workflow-template-deleted": (
        "a WorkflowTemplate is deleted or replaced: nothing can start its flow until there is a new one"
    ),
    "dag-deleted": (
        "a DAG is deleted, or its file moves to another place: tasks of its running runs that have not started yet "
        "never start"
    ),
    "data-deleted": "a bucket, table, queue or log group is deleted or replaced, with what it holds",
    "in-use-deleted": "a job definition or datastore object is deleted that running executions may refer to",
    "executions-running": "a state machine or WorkflowTemplate that changes has running runs (with `--running`)",
    "schedule-removed": "a schedule is removed or turned off",
    "schedule-more-frequent": "a schedule fires more often, or one is turned on",
    "schedule-timezone": "a schedule fires by another timezone's clock",
    "trigger-removed": "an event no longer starts the flow",
    "event-unsent": "the flow waits for an event that nobody in the stack sends, or no longer sends",
    "flows-in-circle": "flows start each other, so that they may run for ever",
    "trigger-joined": "an event starts the flow only once others have come, too",
    "parameter-removed": "a parameter is removed",
    "parameter-type": "a parameter's type changes",
    "parameter-required": "a parameter no longer has a default: whoever starts a run has to give it",
    "role-widened": "a role may do more",
    "role-narrowed": "a role may do less, running executions included",
    "retries-removed": "a step is tried fewer times",
    "timeout-shortened": "a step or the run has less time",
    "definition-size": "the definition is near AWS's limit",
    "image-changed": "tasks of a step run in another image",
    "python-changed": "tasks run on another Python, and those without an image of their own in another image",
    "metaflow-changed": "flows are compiled by another minor version of Metaflow, and tasks run with it",
    "datastore-changed": "runs write to another datastore",
    "taken-over": (
        "a flow is new to the stack, with a given production token: what was deployed by hand with it is taken over"
    ),
    "production-token-changed": "new runs are in another namespace of Metaflow's",
    "lookup-namespace-changed": "tasks look for runs of flows in another namespace of Metaflow's",
    "namespace-changed": "the flow moves to another Kubernetes namespace",
    "queue-changed": "tasks go to another job queue",
    "secret-given-up": "a secret is no longer readable, for running executions either",
    "table-given-up": "the flow no longer uses the foreach table, or uses another one",
}
"""Every kind of risk, the gravest first."""

MOST_RUNNING = 1_000
"""Executions that are counted; AWS lists no more at once."""


@dataclass(frozen=True)
class Starter:
    """What starts a flow's runs, as a preview names it: untrusted."""

    kind: Literal["state machine", "WorkflowTemplate"]
    id: str
    """An ARN, or `namespace/name`."""
    context: str | None = None
    """Context of the kubeconfig, for what is in Kubernetes; None for its current one."""
    aws: tuple[tuple[str, str], ...] = ()
    """Configuration of the stack that says how its account is reached."""


Count = Callable[[Starter], int]
"""How many runs go on at this moment, at most `MOST_RUNNING`."""


@dataclass(frozen=True)
class Risk:
    """Something to look at twice."""

    kind: str
    """A key of `KINDS`."""
    line: Phrase

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(KINDS).index(self.kind)
