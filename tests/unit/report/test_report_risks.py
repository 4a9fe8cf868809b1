from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowinfra.engine.preview import parse_preview
from flowinfra.report.assemble import assemble
from flowinfra.report.change import words
from flowinfra.report.risk import KINDS, Starter
from flowinfra.report.sources import Sources
from flowinfra.report.words import plain
from flowinfra.targets.step_functions.report import DEFINITION_CHARACTERS
from tests.unit.report.previews import (
    FLOW_TYPE,
    TRAIN,
    UNKNOWN,
    changed,
    flow_step,
    resource,
    risks,
    stack,
    update,
)

MACHINE = "aws:sfn/stateMachine:StateMachine"
DOTTED = "flowinfra-aws:sfn:StateMachine"
JOB = "aws:batch/jobDefinition:JobDefinition"


def kinds(*steps: dict[str, Any]) -> list[str]:
    return [kind for kind, _ in risks(*steps)]


@pytest.mark.parametrize(
    ("changes", "kind", "line"),
    [
        ({"schedule": None}, "schedule-removed", "the schedule 0 0 * * ? * (once a day) ends"),
        ({"schedule.enabled": False}, "schedule-removed", "the schedule 0 0 * * ? * (once a day) ends"),
        (
            {"schedule.cron": "0/10 * * * ? *"},
            "schedule-more-frequent",
            "the schedule 0 0 * * ? * → 0/10 * * * ? * fires more often (once a day → 144 times a day)",
        ),
        (
            {"schedule.cron": "noon"},
            "schedule-more-frequent",
            "the schedule 0 0 * * ? * → noon may fire more often (not a cron expression that we read)",
        ),
        ({"parameters.alpha": None}, "parameter-removed", "parameter alpha is removed; callers may still give it"),
        ({"parameters.alpha.type": "int"}, "parameter-type", "parameter alpha: type float → int"),
        (
            {"parameters.beta": {"type": "int", "required": True}},
            "parameter-required",
            "parameter beta is required from now on; callers may not give it",
        ),
        (
            {"python": "3.12", "steps.a.image": "python:3.12"},
            "python-changed",
            "tasks run on Python 3.11 → 3.12 in another image (a): `python_version` pins it, whoever compiles",
        ),
        (
            {"python": "3.12"},
            "python-changed",
            "tasks run on Python 3.11 → 3.12: `python_version` pins it, whoever compiles",
        ),
        (
            {"metaflow": "2.20.1"},
            "metaflow-changed",
            "compiled by Metaflow 2.19.39 → 2.20.1, with which tasks run, too",
        ),
        ({"steps.a.retries": 1}, "retries-removed", "step a: retries 3 → 1"),
        ({"steps.a.retries": None}, "retries-removed", "step a: retries 3 → 0"),
        ({"steps.a.timeout": 60}, "timeout-shortened", "step a: timeout 5 days → 60 s"),
        ({"workflow_timeout": 60}, "timeout-shortened", "the run's timeout none → 60 s"),
        ({"steps.a.queue": "spot"}, "queue-changed", "step a: queue the platform's → spot"),
        ({"queue": "other"}, "queue-changed", "the job queue jobs → other: tasks that wait stay in the old one"),
        (
            {"datastore": "s3://b/p"},
            "datastore-changed",
            "the datastore s3://bucket/metaflow → s3://b/p: earlier runs stay in the old one, for resume too",
        ),
        (
            {"production_token": "f-0-abcd"},
            "production-token-changed",
            "the production token the stack's own → f-0-abcd: earlier runs stay in the namespace of the old one",
        ),
        ({"steps.a.image": "own:2"}, "image-changed", "step a: image python:3.11 → own:2"),
        (
            {"namespace": "user:ann"},
            "lookup-namespace-changed",
            "the namespace in which tasks look for runs the production token's → user:ann: they find other runs, or "
            "none",
        ),
        ({"table": None}, "table-given-up", "the foreach table foreach → none: running executions lose it"),
    ],
)
def test_risk_of_a_change(changes: dict[str, Any], kind: str, line: str) -> None:
    assert risks(update(changes)) == [(kind, line)]


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule.cron": "0 0 ? * SUN *"},
        {"parameters.alpha.default": 1},
        {"parameters.beta": {"type": "int", "default": 1}},
        {"steps.a.retries": 5},
        {"steps.a.timeout": 600_000},
        {"steps.a.memory": 1},
        {"steps.b": None, "steps.start.next": "a"},
        {"package": "e"},
    ],
)
def test_no_risk(changes: dict[str, Any]) -> None:
    assert risks(update(changes)) == []


def test_a_flow_that_may_take_over_what_was_deployed_by_hand() -> None:
    assert risks(flow_step("create", None, changed(TRAIN, {"production_token": "f-0-abcd"}))) == [
        ("taken-over", "what was deployed by hand with the production token f-0-abcd is taken over, where it is")
    ]


def test_the_same_of_several_steps_is_one_risk() -> None:
    assert risks(update({"steps.a.timeout": 60, "steps.b.timeout": 60})) == [
        ("timeout-shortened", "steps a, b: timeout 5 days → 60 s")
    ]


def test_schedule_that_is_turned_on() -> None:
    base = changed(TRAIN, {"schedule.enabled": False})
    assert risks(flow_step("update", base, TRAIN)) == [
        ("schedule-more-frequent", "the schedule off → 0 0 * * ? * fires more often (once a day)")
    ]


def test_each_of_several_schedules_is_looked_at() -> None:
    zone = {"cron": "0 3 * * ? *", "timezone": "Europe/Berlin", "enabled": True}
    base = changed(TRAIN, {"schedule": None, "schedules": {"a": zone, "b": {"cron": "rate(1 hour)", "enabled": True}}})
    found = {
        "schedules.a.timezone": "Asia/Tokyo",
        "schedules.b.cron": "rate(15 minutes)",
    }
    assert sorted(risks(flow_step("update", base, changed(base, found)))) == [
        (
            "schedule-more-frequent",
            "the schedule b rate(1 hour) → rate(15 minutes) fires more often (24 times a day → 96 times a day)",
        ),
        ("schedule-timezone", "the schedule a's timezone Europe/Berlin → Asia/Tokyo"),
    ]
    assert risks(flow_step("update", base, changed(base, {"schedules.b": None}))) == [
        ("schedule-removed", "the schedule b rate(1 hour) (24 times a day) ends")
    ]
    assert risks(flow_step("update", base, changed(base, {"schedules.a.parameters": {"mode": "full"}}))) == []


def test_a_renamed_step_is_compared_with_what_it_was() -> None:
    fit = changed(TRAIN["steps"]["a"], {"retries": None})
    new = changed(TRAIN, {"steps.a": None, "steps.fit": fit, "steps.start.next": "fit, b"})
    assert risks(flow_step("update", TRAIN, new)) == [("retries-removed", "step fit: retries 3 → 0")]


def test_secret_is_given_up_only_when_no_step_has_it() -> None:
    base = changed(TRAIN, {"steps.a.secrets": ["db"], "steps.b.secrets": ["db"]})
    assert risks(flow_step("update", base, changed(base, {"steps.a.secrets": None}))) == []
    assert risks(flow_step("update", base, TRAIN)) == [
        ("secret-given-up", "secret db is given up: running executions lose it")
    ]


def test_state_machine_is_replaced() -> None:
    step = resource("replace", MACHINE, "m", {"name": "A"}, {"name": "B"}, reasons=("name",))
    (risk,) = risks(update({"name": "B"}), step)
    assert risk[0] == "state-machine-replaced"
    assert risk[1].startswith("the state machine is replaced (name A → B): running executions end")


def test_what_waits_for_events_is_not_the_flows_state_machine() -> None:
    base = changed(TRAIN, {"triggers": {"a": True, "b": True}, "starts_when": "all of a, b have come"})
    one = changed(TRAIN, {"triggers": {"b": True}})
    gone = [
        resource("delete", MACHINE, "TrainFlow-events-machine", {"name": "TrainFlow-events"}),
        resource("delete", "flowinfra-aws:dynamodb:Row", "TrainFlow-events-row", {}),
        resource("delete", "aws:scheduler/schedule:Schedule", "TrainFlow-events-reset2", {}),
    ]
    assert risks(flow_step("update", base, one), *gone) == [
        ("trigger-removed", "event a no longer starts the flow"),
    ]
    found = stack(flow_step("update", base, one), *gone).flows[0]
    told = [plain(words(change)) for change in found.changes]
    assert "starts when: all of a, b have come → none" in told
    nouns = sorted(change.noun for change in found.resources)
    assert nouns == ["events' reset", "events' state machine", "row of kept events"]


def test_single_steps_of_a_replacement_are_one_risk() -> None:
    steps = [
        resource("create-replacement", MACHINE, "m", {"name": "A"}, {"name": "B"}),
        resource("replace", MACHINE, "m", {"name": "A"}, {"name": "B"}),
        resource("delete-replaced", MACHINE, "m", {"name": "A"}),
    ]
    assert kinds(update({"name": "B"}), *steps) == ["state-machine-replaced"]


def test_a_state_machine_with_dots_is_one_too() -> None:
    step = resource("replace", DOTTED, "m", {"name": "a.b"}, {"name": "a.c"}, reasons=("name",))
    (risk,) = risks(update({"name": "a.c"}), step)
    assert risk[0] == "state-machine-replaced"
    assert "replaced (name a.b → a.c)" in risk[1]


def test_flow_that_leaves() -> None:
    steps = [flow_step("delete", TRAIN), resource("delete", MACHINE, "m", {"name": "A"})]
    assert kinds(*steps) == ["state-machine-deleted", "schedule-removed"]
    assert kinds(steps[0]) == ["state-machine-deleted", "schedule-removed"]


def test_retained_job_definitions_are_no_risk() -> None:
    kept = resource("delete", JOB, "j", {}, retained=True)
    lost = resource("delete", JOB, "k", {})
    assert kinds(update({"package": "e"}), kept) == []
    assert risks(update({"package": "e"}), lost) == [
        ("in-use-deleted", "job definition k is deleted: running executions that refer to it fail")
    ]


@pytest.mark.parametrize("known", [True, False])
def test_definition_near_the_limit(known: bool) -> None:
    big = "x" * (DEFINITION_CHARACTERS * 9 // 10)
    step = resource("update", MACHINE, "m", {"definition": big}, {"definition": big if known else UNKNOWN})
    ((kind, line),) = risks(update({"package": "e"}), step)
    assert kind == "definition-size"
    assert line.endswith("943,718 of 1,048,576 allowed characters (89 %)")
    assert ("before this change" in line) is not known


def test_definition_far_from_the_limit() -> None:
    assert kinds(update({}), resource("update", MACHINE, "m", {"definition": "x"}, {"definition": "x" * 800_000})) == []


@pytest.mark.parametrize("op", ["delete", "replace"])
@pytest.mark.parametrize("kind", ["aws:s3/bucket:Bucket", "aws:dynamodb/table:Table", "aws:batch/jobQueue:JobQueue"])
def test_what_holds_data(kind: str, op: str) -> None:
    step = resource(op, kind, "data", {}, {} if op == "replace" else None, parent=None)
    assert kinds(step) == ["data-deleted"]


def test_a_new_flow_has_no_risk() -> None:
    required = changed(TRAIN, {"parameters.beta": {"type": "int", "required": True}})
    assert risks(flow_step("create", None, required), resource("create", MACHINE, "m", None, {"name": "A"})) == []


def test_what_a_stack_says_of_its_flows_together() -> None:
    waits = changed(TRAIN, {"unsent": ["data.ready", "old"], "circles": ["A → B → A"]})
    unsent = ("event-unsent", "nobody in the stack sends the event data.ready, which starts the flow")
    circle = ("flows-in-circle", "A → B → A: they may run for ever")
    assert risks(flow_step("create", None, changed(waits, {"unsent": ["data.ready"]}))) == [unsent, circle]
    assert risks(flow_step("update", changed(TRAIN, {"unsent": ["old"]}), waits)) == [unsent, circle]
    assert risks(flow_step("update", waits, TRAIN)) == []
    assert risks(flow_step("update", waits, changed(waits, {"steps.b.memory": 8192}))) == []


def test_gravest_first_and_every_kind_is_documented() -> None:
    found = kinds(update({"steps.a.retries": 1, "parameters.alpha": None, "schedule": None}))
    assert found == sorted(found, key=list(KINDS).index)
    assert found == ["schedule-removed", "parameter-removed", "retries-removed"]


def test_the_same_risk_of_two_flows_is_one_line() -> None:
    steps = [flow_step("update", TRAIN, changed(TRAIN, {"queue": "x"}), name=name) for name in ("One", "Two")]
    (line,) = stack(*steps).risk_lines
    assert line[0] == ("TrainFlow (One)", "TrainFlow (Two)")
    assert len(stack(*steps).all_risks) == 2


def test_component_that_stays_and_resources_that_change() -> None:
    (flow,) = stack(resource("update", JOB, "j", {}, {}, reasons=("tags",))).flows
    assert (flow.kind, flow.name) == ("resources only", "TrainFlow")
    assert FLOW_TYPE.endswith("StepFunctionsFlow")


def test_documentation_names_every_kind() -> None:
    page = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")
    for kind, meaning in KINDS.items():
        assert f"| `{kind}` | {meaning} |" in page


MACHINE_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:TrainFlow"


@pytest.mark.parametrize(
    ("op", "number", "line"),
    [
        ("update", 1, "1 execution running at this moment, to their end by the old definition"),
        ("update", 1_000, "at least 1,000 executions running at this moment, to their end by the old definition"),
        ("delete", 2, "2 executions running at this moment, ended at the next state"),
        ("replace", 2, "2 executions running at this moment, ended at the next state"),
        ("update", 0, None),
        ("same", 5, None),
    ],
)
def test_running_executions_where_somebody_counts_them(op: str, number: int, line: str | None) -> None:
    step = resource(op, MACHINE, "m", {"name": "TrainFlow"}, None if op == "delete" else {"name": "TrainFlow"})
    step["oldState"]["id"] = MACHINE_ARN
    document = json.dumps({"steps": [update({"steps.a.memory": 1}), step]}).encode()
    asked: list[Starter] = []

    def running(starter: Starter) -> int:
        asked.append(starter)
        return number

    (found,) = assemble([parse_preview(document, "staging.json")], Sources(), running).stacks
    told = [plain(risk.line) for _, risk in found.all_risks if risk.kind == "executions-running"]
    assert told == ([line] if line else [])
    assert asked == ([] if op == "same" else [Starter("state machine", MACHINE_ARN)])
