"""What a report says of what happens to a flow's WorkflowTemplate. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from flowinfra.engine.preview import Step
from flowinfra.engine.tokens import WORKFLOW_TEMPLATE
from flowinfra.report.of_target import Going, OfTarget
from flowinfra.report.resources import FlowPart
from flowinfra.report.risk import Risk, Starter
from flowinfra.report.risks_of_resources import leaves
from flowinfra.report.words import phrase
from flowinfra.targets.argo.request import TARGET


class _Report(OfTarget):
    """Of a flow's WorkflowTemplate."""

    def risks(self, part: FlowPart) -> Iterator[Risk]:
        """The flow's WorkflowTemplate is deleted or replaced."""
        if part.op == "delete" and (part.old or {}).get("target") == TARGET.name:
            leaving = "the flow leaves the stack: running workflows go on, but lose a service account of the flow's own"
            yield Risk("workflow-template-deleted", phrase(leaving))
            return
        for step in {step.urn.text: step for step in part.children if step.urn.type == WORKFLOW_TEMPLATE}.values():
            if leaves(step):
                how = "deleted" if step.op == "delete" else "replaced"
                line = phrase(
                    f"the WorkflowTemplate is {how}: running workflows go on with the one that they began with"
                )
                yield Risk("workflow-template-deleted", line)

    def going(self, step: Step, context: str | None) -> Going | None:
        """What starts a flow's runs, and what becomes of those that go on; None for any other resource."""
        if step.old is None or step.urn.type != WORKFLOW_TEMPLATE:
            return None
        lost = ", but without a service account of the flow's own" if step.op == "delete" else ""
        starter = Starter("WorkflowTemplate", step.old.id, context)
        return Going(starter, "workflow", f"to their end by the old template{lost}")


REPORT = _Report()
