"""Risks of what happens to a flow's resources: what is deleted or replaced, and what that takes with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from flowinfra.engine.preview import SECRET, UNKNOWN, State, Step
from flowinfra.engine.tokens import JOB_DEFINITION, WORKFLOW_TEMPLATE
from flowinfra.model import clean
from flowinfra.report.resources import FlowPart, is_dag_file, is_datastore_object, is_state_machine, noun
from flowinfra.report.risk import MOST_RUNNING, Count, Risk, Starter
from flowinfra.report.words import Span, count, names, phrase

Json = Any

DEFINITION_CHARACTERS = 1_048_576
"""AWS's limit of a state machine's definition."""
NEAR = 0.8
"""Part of a limit, from 0 to 1, from which on the report mentions it."""
_HOLD_DATA = {
    "aws:s3/bucket:Bucket": "what it holds is lost",
    "aws:s3/bucketV2:BucketV2": "what it holds is lost",
    "aws:dynamodb/table:Table": "what it holds is lost",
    "aws:batch/jobQueue:JobQueue": "tasks that wait in it are lost",
    "aws:batch/computeEnvironment:ComputeEnvironment": "tasks that run on it are lost",
    "aws:cloudwatch/logGroup:LogGroup": "its logs are lost",
    "aws:secretsmanager/secret:Secret": "its value is lost",
}
STEP_FUNCTIONS, ARGO, AIRFLOW = "step-functions", "argo", "airflow"
_CHANGING = ("update", "delete", "replace")
_LEAVING = ("delete", "replace", "create-replacement", "delete-replaced", "import-replacement")
_HISTORY = "running executions end at their next state, and the history of all is lost"


def state_machine_risks(part: FlowPart) -> Iterator[Risk]:
    """The flow's state machine is deleted or replaced."""
    machines = {step.urn.text: step for step in part.children if is_state_machine(step) and _gone(step)}
    for step in machines.values():
        if step.op == "delete":
            yield Risk("state-machine-deleted", phrase("the state machine is deleted: ", _HISTORY))
        else:
            yield Risk("state-machine-replaced", phrase("the state machine is replaced", *_why(step), ": ", _HISTORY))
    leaves = part.op == "delete" and (part.old or {}).get("target", STEP_FUNCTIONS) == STEP_FUNCTIONS
    if leaves and not machines and not any(map(is_state_machine, part.children)):
        yield Risk("state-machine-deleted", phrase("the flow leaves the stack: ", _HISTORY))


def workflow_template_risks(part: FlowPart) -> Iterator[Risk]:
    """The flow's WorkflowTemplate is deleted or replaced."""
    if part.op == "delete" and (part.old or {}).get("target") == ARGO:
        leaving = "the flow leaves the stack: running workflows go on, but lose a service account of the flow's own"
        yield Risk("workflow-template-deleted", phrase(leaving))
        return
    for step in {step.urn.text: step for step in part.children if step.urn.type == WORKFLOW_TEMPLATE}.values():
        if step.op in _LEAVING and not _retained(step):
            how = "deleted" if step.op == "delete" else "replaced"
            line = phrase(f"the WorkflowTemplate is {how}: running workflows go on with the one that they began with")
            yield Risk("workflow-template-deleted", line)


def dag_risks(part: FlowPart) -> Iterator[Risk]:
    """The flow's DAG is deleted, or its file moves."""
    if part.op == "delete" and (part.old or {}).get("target") == AIRFLOW:
        yield Risk("dag-deleted", phrase("the flow leaves the stack: tasks that run go on, and no further ones start"))
        return
    if any(is_dag_file(step) and step.op in _LEAVING for step in part.children):
        leaving = "the DAG file leaves its place: an Airflow that finds it in no other starts no further tasks of it"
        yield Risk("dag-deleted", phrase(leaving))


def running_risks(steps: Iterable[Step], count_running: Count, context: str | None) -> Iterator[Risk]:
    """The flow has runs at this moment; `context` is that of the kubeconfig."""
    changing = {step.urn.text: step for step in steps if step.op in _CHANGING}
    for step in changing.values():
        machine = is_state_machine(step)
        if step.old is None or not (machine or step.urn.type == WORKFLOW_TEMPLATE):
            continue
        kind: Literal["state machine", "WorkflowTemplate"] = "state machine" if machine else "WorkflowTemplate"
        number = count_running(Starter(kind, step.old.id, None if machine else context))
        if number:
            least = "at least " if number >= MOST_RUNNING else ""
            runs, effect = _execution_effect(step) if machine else _workflow_effect(step)
            yield Risk("executions-running", phrase(f"{least}{count(number, runs)} running at this moment, {effect}"))


def _execution_effect(step: Step) -> tuple[str, str]:
    return "execution", "ended at the next state" if _gone(step) else "to their end by the old definition"


def _workflow_effect(step: Step) -> tuple[str, str]:
    lost = ", but without a service account of the flow's own" if step.op == "delete" else ""
    return "workflow", f"to their end by the old template{lost}"


def airflow_changes(part: FlowPart) -> bool:
    """Whether a flow on Airflow changes or leaves: nobody is asked whether it has runs."""
    inputs = part.old or {}
    return inputs.get("target") == AIRFLOW and part.op in _CHANGING


def _why(step: Step) -> list[Span | str]:
    """` (name a → b)`."""
    old, new = (_inputs(state) for state in (step.old, step.new))
    differing = [key for key in (*step.reasons, "name", "type") if old.get(key) != new.get(key)]
    if not differing:
        return [" (", *names(map(clean.name, step.reasons)), ")"] if step.reasons else []
    key = differing[0]
    one, other = clean.pair(*(clean.show(side.get(key)) for side in (old, new)))
    return [" (", Span(clean.name(key), "name"), " ", Span(one, "before"), " → ", Span(other, "after"), ")"]


def _inputs(state: State | None) -> Mapping[str, Json]:
    return state.inputs if state else {}


def _gone(step: Step) -> bool:
    """Deleted or replaced."""
    return step.op in _LEAVING and not _retained(step)


def _retained(step: Step) -> bool:
    return bool(step.old and step.old.retained)


def in_use_risks(steps: Iterable[Step]) -> Iterable[Risk]:
    """What running executions refer to is deleted."""
    found: dict[str, Risk] = {}
    for step in steps:
        refers = step.urn.type == JOB_DEFINITION or is_datastore_object(step)
        if refers and step.op in ("delete", "replace", "delete-replaced") and not _retained(step):
            line = phrase(noun(step), " ", _name(step), " is deleted: running executions that refer to it fail")
            found[step.urn.text] = Risk("in-use-deleted", line)
    return found.values()


def data_risks(steps: Iterable[Step]) -> Iterable[Risk]:
    """What holds data is deleted or replaced."""
    found: dict[str, Risk] = {}
    for step in steps:
        lost = _HOLD_DATA.get(step.urn.type)
        if lost and step.op in _LEAVING and not _retained(step):
            how = "deleted" if step.op == "delete" else "replaced"
            found[step.urn.text] = Risk("data-deleted", phrase(noun(step), " ", _name(step), f" is {how}: {lost}"))
    return found.values()


def definition_risks(part: FlowPart) -> Iterator[Risk]:
    """The state machine's definition is near its limit."""
    for step in part.children:
        if not is_state_machine(step) or step.op == "delete":
            continue
        after, before = (_definition(state) for state in (step.new, step.old))
        text, when = (after, "has") if after is not None else (before, "has, before this change,")
        if text is not None and len(text) > NEAR * DEFINITION_CHARACTERS:
            part_of = len(text) * 100 // DEFINITION_CHARACTERS
            line = f"the definition {when} {len(text):,} of {DEFINITION_CHARACTERS:,} allowed characters ({part_of} %)"
            yield Risk("definition-size", phrase(line))


def _definition(state: State | None) -> str | None:
    """A state machine's definition, where it is known."""
    text = _inputs(state).get("definition")
    return text if isinstance(text, str) and text not in (UNKNOWN, SECRET) else None


def _name(step: Step) -> Span:
    return Span(clean.name(step.urn.name), "name")


def gone_machines(steps: Iterable[Step]) -> Iterator[Risk]:
    """State machines that belong to no flow are deleted."""
    for step in steps:
        if is_state_machine(step) and step.op == "delete" and not _retained(step):
            yield Risk("state-machine-deleted", phrase("state machine ", _name(step), " is deleted: ", _HISTORY))
