"""Parts of a change that a reviewer should look at twice. Pure; each kind is one small function.

A risk is what follows from a preview. Whether executions are running now is not in one: whoever wants to know passes
what counts them.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowinfra.engine.preview import Step
from flowinfra.report.change import Delta
from flowinfra.report.of_target import of_targets
from flowinfra.report.resources import FlowPart
from flowinfra.report.risk import Count, Risk
from flowinfra.report.risks_of_inputs import risks_of_changing, risks_of_coming, risks_of_leaving
from flowinfra.report.risks_of_resources import data_risks, in_use_risks, running_risks
from flowinfra.report.roles import role_risks


def flow_risks(part: FlowPart, delta: Delta, running: Count | None = None, context: str | None = None) -> list[Risk]:
    """Risks of one flow's change.

    Args:
        part: the flow.
        delta: what changes of it.
        running: counts runs that go on; None says nothing of them.
        context: of the kubeconfig, where the flow is in Kubernetes.
    """
    found = [*running_risks(part.children, running, context)] if running else []
    found += [
        *(risk for target in of_targets() for risk in target.risks(part)),
        *in_use_risks(part.children),
        *data_risks(part.children),
    ]
    if part.old is not None and part.new is not None:
        found += risks_of_changing(part.old, part.new, delta)
    elif part.old is not None:
        found += risks_of_leaving(part.old)
    elif part.new is not None:
        found += risks_of_coming(part.new)
    if part.old is None or part.new is not None:
        found += role_risks(part.children, part.name, given_up=part.old is not None)
    return _sorted(found)


def other_risks(steps: Iterable[Step]) -> list[Risk]:
    """Risks of what belongs to no flow: the platform, and resources of one's own."""
    listed = list(steps)
    own = (risk for target in of_targets() for risk in target.other_risks(listed))
    return _sorted([*own, *data_risks(listed), *role_risks(listed)])


def _sorted(found: Iterable[Risk]) -> list[Risk]:
    return sorted(found, key=lambda risk: risk.rank)
