"""Parts of a change that a reviewer should look at twice. Pure; each kind is one small function.

A risk is what follows from a preview. Whether executions are running now is not in one: whoever wants to know passes
what counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from flowinfra.engine.preview import SECRET, UNKNOWN, State, Step
from flowinfra.engine.tokens import JOB_DEFINITION, WORKFLOW_TEMPLATE
from flowinfra.model import clean
from flowinfra.report.change import Delta
from flowinfra.report.resources import FlowPart, is_dag_file, is_datastore_object, is_state_machine, noun
from flowinfra.report.risk import MOST_RUNNING, Count, Risk, Starter
from flowinfra.report.roles import role_risks
from flowinfra.report.schedule import OFF, running_schedule
from flowinfra.report.steps import in_order, mapping, strings
from flowinfra.report.words import Span, count, names, phrase

Json = Any

DEFINITION_CHARACTERS = 1_048_576
"""AWS's limit of a state machine's definition."""
NEAR = 0.8
"""Part of a limit, from 0 to 1, from which on the report mentions it."""
STEP_TIMEOUT = 5 * 24 * 3600
"""Seconds: Metaflow's default for a step."""

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


def flow_risks(part: FlowPart, delta: Delta, running: Count | None = None, context: str | None = None) -> list[Risk]:
    """Risks of one flow's change.

    Args:
        part: the flow.
        delta: what changes of it.
        running: counts runs that go on; None says nothing of them.
        context: of the kubeconfig, where the flow is in Kubernetes.
    """
    found = [*_running(part.children, running, context)] if running else []
    found += [
        *_state_machine(part),
        *_workflow_template(part),
        *_dag(part),
        *_in_use(part.children),
        *_definition_size(part),
        *_data(part.children),
    ]
    if part.old is not None and part.new is None:
        found += _schedule(part.old, {})
    elif part.old is not None and part.new is not None:
        found += _schedule(part.old, part.new)
        found += _triggers(part.old, part.new)
        found += _permissions(part.old, part.new)
        found += _parameters(part.old, part.new)
        found += _steps(part.old, part.new, delta.renamed)
        found += _versions(part.old, part.new)
        found += _places(part.old, part.new)
        found += _token(part.old, part.new)
        found += _given_up(part.old, part.new)
    if part.old is None or part.new is not None:
        found += role_risks(part.children, part.name, given_up=part.old is not None)
    return _sorted(found)


def other_risks(steps: Iterable[Step]) -> list[Risk]:
    """Risks of what belongs to no flow: the platform, and resources of one's own."""
    listed = list(steps)
    machines = [
        Risk("state-machine-deleted", phrase("state machine ", _name(step), " is deleted: ", _HISTORY))
        for step in listed
        if is_state_machine(step) and step.op == "delete" and not _retained(step)
    ]
    return _sorted([*machines, *_data(listed), *role_risks(listed)])


_HISTORY = "running executions end at their next state, and the history of all is lost"


def _state_machine(part: FlowPart) -> Iterator[Risk]:
    machines = {step.urn.text: step for step in part.children if is_state_machine(step) and _gone(step)}
    for step in machines.values():
        if step.op == "delete":
            yield Risk("state-machine-deleted", phrase("the state machine is deleted: ", _HISTORY))
        else:
            yield Risk("state-machine-replaced", phrase("the state machine is replaced", *_why(step), ": ", _HISTORY))
    leaves = part.op == "delete" and (part.old or {}).get("target", STEP_FUNCTIONS) == STEP_FUNCTIONS
    if leaves and not machines and not any(map(is_state_machine, part.children)):
        yield Risk("state-machine-deleted", phrase("the flow leaves the stack: ", _HISTORY))


def _workflow_template(part: FlowPart) -> Iterator[Risk]:
    if part.op == "delete" and (part.old or {}).get("target") == ARGO:
        leaving = "the flow leaves the stack: running workflows go on, but lose a service account of the flow's own"
        yield Risk("workflow-template-deleted", phrase(leaving))
        return
    for step in {step.urn.text: step for step in part.children if step.urn.type == WORKFLOW_TEMPLATE}.values():
        if step.op in _LEAVING and not _retained(step):
            how = "deleted" if step.op == "delete" else "replaced"
            line = phrase(f"the WorkflowTemplate is {how}: running workflows go on with the one that they began with")
            yield Risk("workflow-template-deleted", line)


def _dag(part: FlowPart) -> Iterator[Risk]:
    if part.op == "delete" and (part.old or {}).get("target") == AIRFLOW:
        yield Risk("dag-deleted", phrase("the flow leaves the stack: tasks that run go on, and no further ones start"))
        return
    if any(is_dag_file(step) and step.op in _LEAVING for step in part.children):
        leaving = "the DAG file leaves its place: an Airflow that finds it in no other starts no further tasks of it"
        yield Risk("dag-deleted", phrase(leaving))


def _running(steps: Iterable[Step], count_running: Count, context: str | None) -> Iterator[Risk]:
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


def _in_use(steps: Iterable[Step]) -> Iterable[Risk]:
    found: dict[str, Risk] = {}
    for step in steps:
        refers = step.urn.type == JOB_DEFINITION or is_datastore_object(step)
        if refers and step.op in ("delete", "replace", "delete-replaced") and not _retained(step):
            line = phrase(noun(step), " ", _name(step), " is deleted: running executions that refer to it fail")
            found[step.urn.text] = Risk("in-use-deleted", line)
    return found.values()


def _data(steps: Iterable[Step]) -> Iterable[Risk]:
    found: dict[str, Risk] = {}
    for step in steps:
        lost = _HOLD_DATA.get(step.urn.type)
        if lost and step.op in _LEAVING and not _retained(step):
            how = "deleted" if step.op == "delete" else "replaced"
            found[step.urn.text] = Risk("data-deleted", phrase(noun(step), " ", _name(step), f" is {how}: {lost}"))
    return found.values()


def _definition_size(part: FlowPart) -> Iterator[Risk]:
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


def _schedule(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    before, after = running_schedule(old), running_schedule(new)
    if (before and before.text) == (after and after.text):
        return
    if after is None:
        assert before, "only one of both can be none here"
        ending = f" ({before.often})" if before.often else ""
        yield Risk("schedule-removed", phrase("the schedule ", _span(before.text, "before"), ending, " ends"))
        return
    zones = [_timezone(side) for side in (old, new)]
    if before is not None and zones[0] != zones[1]:
        zone = phrase("the schedule's timezone ", _span(zones[0], "before"), " → ", _span(zones[1], "after"))
        yield Risk("schedule-timezone", zone)
    line = phrase("the schedule ", _span(before.text if before else OFF, "before"), " → ", _span(after.text, "after"))
    if after.fires is None or (before and before.fires is None):
        yield Risk("schedule-more-frequent", (*line, Span(" may fire more often (not a cron expression that we read)")))
    elif after.fires.per_day > (before.fires.per_day if before and before.fires else 0):
        told = f"{before.often} → {after.often}" if before else after.often
        yield Risk("schedule-more-frequent", (*line, Span(f" fires more often ({told})")))


def _timezone(inputs: Mapping[str, Json]) -> str:
    schedule = inputs.get("schedule")
    zone = schedule.get("timezone") if isinstance(schedule, dict) else None
    return clean.show(zone or "UTC")


def _triggers(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    for event in sorted(mapping(old, "triggers").keys() - mapping(new, "triggers").keys()):
        yield Risk("trigger-removed", phrase("event ", Span(clean.name(event), "name"), " no longer starts the flow"))


def _permissions(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    """What service accounts of the flow's own may do in their namespace."""
    before, after = mapping(old, "permissions"), mapping(new, "permissions")
    for who in sorted(before.keys() & after.keys()):
        was, will = (set(strings(side, who)) for side in (before, after))
        for kind, more, verb in (
            ("role-widened", will - was, "may now"),
            ("role-narrowed", was - will, "may no longer"),
        ):
            for permission in sorted(more):
                subject = "the flow's pods" if who == "pods" else "the Sensor"
                yield Risk(kind, phrase(f"{subject} {verb}: ", Span(clean.name(permission), "name")))


def _parameters(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    before, after = mapping(old, "parameters"), mapping(new, "parameters")
    for parameter, entry in before.items():
        name = Span(clean.name(parameter), "name")
        if parameter not in after:
            yield Risk("parameter-removed", phrase("parameter ", name, " is removed; callers may still give it"))
            continue
        was, will = (item.get("type") if isinstance(item, dict) else None for item in (entry, after[parameter]))
        if was != will:
            line = phrase("parameter ", name, ": type ", _span(was, "before"), " → ", _span(will, "after"))
            yield Risk("parameter-type", line)
    for parameter, entry in after.items():
        if _required(entry) and not _required(before.get(parameter)):
            name = Span(clean.name(parameter), "name")
            line = phrase("parameter ", name, " is required from now on; callers may not give it")
            yield Risk("parameter-required", line)


def _required(entry: Json) -> bool:
    return isinstance(entry, dict) and bool(entry.get("required")) and "default" not in entry


def _steps(old: Mapping[str, Json], new: Mapping[str, Json], renamed: Mapping[str, str]) -> Iterator[Risk]:
    before, after = mapping(old, "steps"), mapping(new, "steps")
    # what was and what will be → the steps of which it is so
    fewer: dict[tuple[str, str], list[str]] = {}
    shortened: dict[tuple[str, str], list[str]] = {}
    queues: dict[tuple[str, str], list[str]] = {}
    for name in in_order(before):
        entry, step = before[name], renamed.get(name, name)
        changed = after.get(step)
        if not isinstance(entry, dict) or not isinstance(changed, dict):
            continue
        if _number(changed, "retries", 0) < _number(entry, "retries", 0):
            fewer.setdefault(_both(entry, changed, "retries", "0"), []).append(step)
        if _number(changed, "timeout", STEP_TIMEOUT) < _number(entry, "timeout", STEP_TIMEOUT):
            shortened.setdefault(_both(entry, changed, "timeout", "5 days", " s"), []).append(step)
        if entry.get("queue") != changed.get("queue"):
            queues.setdefault(_both(entry, changed, "queue", "the platform's"), []).append(step)
    for kind, what, groups in (
        ("retries-removed", "retries", fewer),
        ("timeout-shortened", "timeout", shortened),
        ("queue-changed", "queue", queues),
    ):
        for (was, will), steps in groups.items():
            who: list[Span | str] = ["step " if len(steps) == 1 else "steps ", *names(map(clean.name, steps))]
            yield Risk(kind, phrase(*who, f": {what} ", Span(was, "before"), " → ", Span(will, "after")))
    if _number(new, "workflow_timeout", None) < _number(old, "workflow_timeout", None):
        was, will = _both(old, new, "workflow_timeout", "none", " s")
        yield Risk("timeout-shortened", phrase("the run's timeout ", Span(was, "before"), " → ", Span(will, "after")))


def _versions(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    """Risks of new versions of Python and Metaflow, which are those of whoever compiles, unless something pins them."""
    if old.get("python") != new.get("python"):
        before, after = mapping(old, "steps"), mapping(new, "steps")
        moved = [step for step in in_order(after) if step in before and _image(before[step]) != _image(after[step])]
        images: list[Span | str] = [" in another image (", *names(map(clean.name, moved)), ")"] if moved else []
        was, will = (clean.name(str(side.get("python"))) for side in (old, new))
        line = phrase("tasks run on Python ", Span(was, "before"), " → ", Span(will, "after"), *images, ": ")
        yield Risk("python-changed", (*line, Span("`python_version` pins it, whoever compiles")))
    was, will = (clean.name(str(side.get("metaflow"))) for side in (old, new))
    if was.split(".")[:2] != will.split(".")[:2]:
        line = phrase("compiled by Metaflow ", Span(was, "before"), " → ", Span(will, "after"))
        yield Risk("metaflow-changed", (*line, Span(", with which tasks run, too")))


def _image(step: Json) -> Json:
    return step.get("image") if isinstance(step, dict) else None


def _places(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    for key, kind, what, effect in (
        ("datastore", "datastore-changed", "the datastore", "earlier runs stay in the old one, for resume too"),
        ("queue", "queue-changed", "the job queue", "tasks that wait stay in the old one"),
        ("kubernetes_namespace", "namespace-changed", "the Kubernetes namespace", "runs stay in the old one"),
    ):
        if key in old and old[key] != new.get(key):
            was, will = _both(old, new, key, "none")
            line = phrase(f"{what} ", Span(was, "before"), " → ", Span(will, "after"), f": {effect}")
            yield Risk(kind, line)


def _token(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    if old.get("production_token") != new.get("production_token"):
        was, will = _both(old, new, "production_token", "the stack's own")
        line = phrase("the production token ", Span(was, "before"), " → ", Span(will, "after"))
        yield Risk("production-token-changed", (*line, Span(": earlier runs stay in the namespace of the old one")))


def _given_up(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Risk]:
    before, after = _secrets(old), _secrets(new)
    for secret in sorted(before - after):
        name = Span(clean.short(secret), "name")
        yield Risk("secret-given-up", phrase("secret ", name, " is given up: running executions lose it"))
    if "table" in old and old["table"] != new.get("table"):
        was, will = _both(old, new, "table", "none")
        line = phrase("the foreach table ", Span(was, "before"), " → ", Span(will, "after"))
        yield Risk("table-given-up", (*line, Span(": running executions lose it")))


def _secrets(inputs: Mapping[str, Json]) -> set[str]:
    return {secret for step in mapping(inputs, "steps").values() for secret in strings(step, "secrets")}


def _sorted(found: Iterable[Risk]) -> list[Risk]:
    return sorted(found, key=lambda risk: risk.rank)


def _both(old: Mapping[str, Json], new: Mapping[str, Json], key: str, absent: str, unit: str = "") -> tuple[str, str]:
    values = (side.get(key) for side in (old, new))
    return clean.pair(*(absent if value is None else clean.show(value) + unit for value in values))


def _number(entry: Mapping[str, Json], key: str, absent: float | None) -> float:
    """A number of the inputs; None for `absent` means no limit."""
    value = entry.get(key)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return float("inf") if absent is None else absent


def _name(step: Step) -> Span:
    return Span(clean.name(step.urn.name), "name")


def _span(value: Json, role: Any) -> Span:
    return Span(clean.short("none" if value is None else clean.show(value)), role)
