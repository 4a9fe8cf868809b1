"""Runs of a flow on Argo: workflows that are made from its WorkflowTemplate, asked of the stack's cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flowinfra.clouds.workflows import Workflows
from flowinfra.errors import TriggerError
from flowinfra.model.metaflow_names import user_name
from flowinfra.operate.runs import nodes
from flowinfra.operate.runs.account import Run, settled
from flowinfra.operate.runs.history import Failure
from flowinfra.operate.runs.progress import Progress

_PREFIX = "argo-"
_TRIGGERED_BY = "metaflow/triggered_by_user"
_GONE = (
    "Argo removes a workflow when its time to live (`ttlStrategy`) is over, and a person may delete one; its artifacts "
    "stay in the datastore"
)


def workflow(template: str, values: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """The workflow that Metaflow's `argo-workflows trigger` makes.

    Args:
        template: name of the WorkflowTemplate.
        values: of the parameters that are given.
        variables: the environment's, which say who starts it.
    """
    who = {"type": "user", "name": user_name(variables) or "unknown"}
    given = [{"name": name, "value": json.dumps(value)} for name, value in values.items()]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{template}-", "annotations": {_TRIGGERED_BY: json.dumps(who)}},
        "spec": {"workflowTemplateRef": {"name": template}, "arguments": {"parameters": given}},
    }


class WorkflowRuns:
    """Runs of one WorkflowTemplate."""

    interval = 3.0
    """Seconds between two looks at a run that is followed."""

    def __init__(self, workflows: Workflows, namespace: str, name: str) -> None:
        """Take the stack's cluster, and where in it the WorkflowTemplate is."""
        self._workflows, self.namespace, self._name = workflows, namespace, name
        self._found: Mapping[str, Any] | None = None

    def start(self, values: Mapping[str, Any]) -> str:
        """Start a run as Metaflow's `trigger` does; returns `NAMESPACE/NAME` of its workflow.

        Raises:
            TriggerError: there is no such WorkflowTemplate, or it is not Metaflow's.
            ClusterError: the cluster is not reached, or one may not.
        """
        if "metaflow/owner" not in (self._template()["metadata"].get("annotations") or {}):
            raise TriggerError(
                f"the WorkflowTemplate {self.namespace}/{self._name} is not Metaflow's; nothing was started"
            )
        name = self._workflows.create(self.namespace, workflow(self._name, values, os.environ))
        return f"{self.namespace}/{name}"

    def ref_of(self, run_id: str) -> str:
        """Place of a run's workflow."""
        return f"{self.namespace}/{run_id.removeprefix(_PREFIX)}"

    def progress(self, ref: str) -> Progress:
        """How far a run is.

        Raises:
            TriggerError: there is no such workflow (any more).
            ClusterError: the cluster does not answer.
        """
        found = self._workflow(ref)
        steps = () if nodes.offloaded(found) else nodes.steps(found, self._spec(found))
        if nodes.ended(found):
            steps = tuple(settled(step) for step in steps)
        return Progress(ref, self._name, nodes.status(found), found.get("status", {}).get("message"), steps=steps)

    def run(self, ref: str) -> Run:
        """One run, with what made it fail."""
        return self._run(self._workflow(ref))

    def last(self, count: int) -> list[Run]:
        """The last runs that the cluster still has, the newest first."""
        found: list[Run] = []
        for name in self._workflows.newest(self.namespace, f"{self._name}-"):
            if len(found) == count:
                break
            workflow = self._workflows.manifest("workflows", self.namespace, name)
            if workflow is not None and self._is_mine(workflow):
                found.append(self._run(workflow))
        return found

    def _run(self, found: Mapping[str, Any]) -> Run:
        metadata, told = found["metadata"], found.get("status", {})
        started = nodes.time(told.get("startedAt") or metadata["creationTimestamp"])
        assert started is not None
        return Run(
            run_id=f"{_PREFIX}{metadata['name']}",
            ref=f"{self.namespace}/{metadata['name']}",
            status=nodes.status(found),
            started=started,
            stopped=nodes.time(told.get("finishedAt")) if nodes.ended(found) else None,
            failure=self._failure(found),
        )

    def _failure(self, found: Mapping[str, Any]) -> Failure | None:
        failure = nodes.failure(found, self._spec(found))
        pod = failure.log_stream if failure else None
        if failure is None or pod is None or self._workflows.has_pod(self.namespace, pod):
            return failure
        return replace(failure, log_stream=None)

    def _workflow(self, ref: str) -> Mapping[str, Any]:
        name = ref.partition("/")[2]
        found = self._workflows.manifest("workflows", self.namespace, name)
        if found is None:
            raise TriggerError(
                f"there is no workflow {ref} in the cluster, which the run {_PREFIX}{name} would be. {_GONE}"
            )
        if not self._is_mine(found):
            raise TriggerError(f"the workflow {ref} was not made from the WorkflowTemplate {self._name}")
        return found

    def _is_mine(self, found: Mapping[str, Any]) -> bool:
        return bool((found["spec"].get("workflowTemplateRef") or {}).get("name") == self._name)

    def _spec(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        return nodes.stored(found) or self._template()["spec"]

    def _template(self) -> Mapping[str, Any]:
        if self._found is None:
            self._found = self._workflows.manifest("workflowtemplates", self.namespace, self._name)
        if self._found is None:
            raise TriggerError(
                f"the cluster has no WorkflowTemplate {self.namespace}/{self._name}, although the stack's state does: "
                "`pulumi up --refresh` makes it again"
            )
        return self._found
