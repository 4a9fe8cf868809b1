"""Risks of what happens to resources, whatever runs the flow: what is deleted or replaced, and what that takes with it.

Pure. What starts a flow's runs is its target's: `report.py` in the folder of each target knows the risks of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flowinfra.engine.preview import State, Step
from flowinfra.engine.tokens import JOB_DEFINITION
from flowinfra.model import clean
from flowinfra.report.of_target import of_targets
from flowinfra.report.resources import is_datastore_object, noun
from flowinfra.report.risk import MOST_RUNNING, Count, Risk
from flowinfra.report.words import Span, count, names, phrase

Json = Any

_HOLD_DATA = {
    "aws:s3/bucket:Bucket": "what it holds is lost",
    "aws:s3/bucketV2:BucketV2": "what it holds is lost",
    "aws:dynamodb/table:Table": "what it holds is lost",
    "aws:batch/jobQueue:JobQueue": "tasks that wait in it are lost",
    "aws:batch/computeEnvironment:ComputeEnvironment": "tasks that run on it are lost",
    "aws:cloudwatch/logGroup:LogGroup": "its logs are lost",
    "aws:secretsmanager/secret:Secret": "its value is lost",
}
CHANGING = ("update", "delete", "replace")
LEAVING = ("delete", "replace", "create-replacement", "delete-replaced", "import-replacement")


def running_risks(steps: Iterable[Step], count_running: Count, context: str | None) -> Iterator[Risk]:
    """The flow has runs at this moment; `context` is that of the kubeconfig."""
    changing = {step.urn.text: step for step in steps if step.op in CHANGING}
    for step in changing.values():
        for going in filter(None, (target.going(step, context) for target in of_targets())):
            if number := count_running(going.starter):
                least = "at least " if number >= MOST_RUNNING else ""
                line = f"{least}{count(number, going.runs)} running at this moment, {going.effect}"
                yield Risk("executions-running", phrase(line))


def in_use_risks(steps: Iterable[Step]) -> Iterable[Risk]:
    """What running executions refer to is deleted."""
    found: dict[str, Risk] = {}
    for step in steps:
        refers = step.urn.type == JOB_DEFINITION or is_datastore_object(step)
        if refers and step.op in ("delete", "replace", "delete-replaced") and not retained(step):
            line = phrase(noun(step), " ", name_of(step), " is deleted: running executions that refer to it fail")
            found[step.urn.text] = Risk("in-use-deleted", line)
    return found.values()


def data_risks(steps: Iterable[Step]) -> Iterable[Risk]:
    """What holds data is deleted or replaced."""
    found: dict[str, Risk] = {}
    for step in steps:
        lost = _HOLD_DATA.get(step.urn.type)
        if lost and leaves(step):
            how = "deleted" if step.op == "delete" else "replaced"
            found[step.urn.text] = Risk("data-deleted", phrase(noun(step), " ", name_of(step), f" is {how}: {lost}"))
    return found.values()


def why(step: Step) -> list[Span | str]:
    """` (name a → b)`."""
    old, new = (inputs_of(state) for state in (step.old, step.new))
    differing = [key for key in (*step.reasons, "name", "type") if old.get(key) != new.get(key)]
    if not differing:
        return [" (", *names(map(clean.name, step.reasons)), ")"] if step.reasons else []
    key = differing[0]
    one, other = clean.pair(*(clean.show(side.get(key)) for side in (old, new)))
    return [" (", Span(clean.name(key), "name"), " ", Span(one, "before"), " → ", Span(other, "after"), ")"]


def inputs_of(state: State | None) -> Mapping[str, Json]:
    """A resource's inputs; none where there is no resource."""
    return state.inputs if state else {}


def leaves(step: Step) -> bool:
    """Whether a resource is deleted or replaced, and not retained."""
    return step.op in LEAVING and not retained(step)


def retained(step: Step) -> bool:
    """Whether the resource that was there stays, and Pulumi only forgets it."""
    return bool(step.old and step.old.retained)


def name_of(step: Step) -> Span:
    """A resource's name in the stack."""
    return Span(clean.name(step.urn.name), "name")
