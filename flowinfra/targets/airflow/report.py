"""What a report says of what happens to a flow's DAG. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowinfra.model import clean
from flowinfra.report.of_target import OfTarget
from flowinfra.report.resources import FlowPart, is_dag_file
from flowinfra.report.risk import Risk
from flowinfra.report.risks_of_resources import CHANGING, LEAVING
from flowinfra.report.words import phrase
from flowinfra.targets.airflow.request import TARGET


class _Report(OfTarget):
    """Of a flow's DAG."""

    def risks(self, part: FlowPart) -> Iterator[Risk]:
        """The DAG is deleted, or its file moves."""
        if part.op == "delete" and _is_mine(part):
            leaving = "the flow leaves the stack: tasks that run go on, and no further ones start"
            yield Risk("dag-deleted", phrase(leaving))
        elif any(is_dag_file(step) and step.op in LEAVING for step in part.children):
            leaving = (
                "the DAG file leaves its place: an Airflow that finds it in no other starts no further tasks of it"
            )
            yield Risk("dag-deleted", phrase(leaving))

    def not_asked(self, parts: Iterable[FlowPart]) -> str | None:
        """Say of which flows that change nobody is asked whether they have runs."""
        unknown = [clean.name(part.name) for part in parts if _is_mine(part) and part.op in CHANGING]
        if not unknown:
            return None
        return (
            f"whether flows on Airflow run now is not known, Airflow is not asked: {', '.join(unknown)}. Tasks that "
            "run go on as they began; those that start after the deploy are the new DAG's, or none where it leaves"
        )


REPORT = _Report()


def _is_mine(part: FlowPart) -> bool:
    return (part.old or {}).get("target") == TARGET.name
