"""What a stack says of a flow's schedules, and what of it is refused before anything is made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.targets.step_functions.plan import FlowPlan, check
from flowinfra.targets.step_functions.section import ScheduleEntry, StepFunctionsSection
from flowinfra.targets.step_functions.timing import schedule_name, starts
from tests.unit.components.compiled import SITE, plan, site

LATE = {"computed": "x", "typed": 1}
DAILY: dict[str, Any] = {"cron": "0 3 * * ? *"}


def scheduled(construct: str = "parameters", timezone: str | None = None, **entries: dict[str, Any]) -> FlowPlan:
    late = LATE if construct == "parameters" else {}
    if construct == "parameters":  # one of them is required
        entries = {
            key: {**each, "parameters": {"wanted": 1, **each.get("parameters", {})}} for key, each in entries.items()
        }
    schedules = {key: ScheduleEntry.model_validate(entry) for key, entry in entries.items()}
    return plan(construct, schedules=schedules, timezone=timezone, parameters=late)


def refused(flow: FlowPlan, **platform: Any) -> list[str]:
    return [str(problem) for problem in check(flow, site(**platform) if platform else SITE)]


def test_an_entry_becomes_a_schedule() -> None:
    found = starts(
        scheduled(
            timezone="Asia/Tokyo",
            nightly={**DAILY, "parameters": {"ratio": 1, "tree": {"a": [1]}}},
            berlin={**DAILY, "timezone": "Europe/Berlin"},
            often={"rate": "15 minutes"},
            daily={"rate": "1 days"},
        )
    )
    assert [(each.key, each.expression, each.timezone) for each in found] == [
        ("nightly", "cron(0 3 * * ? *)", "Asia/Tokyo"),
        ("berlin", "cron(0 3 * * ? *)", "Europe/Berlin"),
        ("often", "rate(15 minutes)", "UTC"),
        ("daily", "rate(1 day)", "UTC"),
    ]
    sent = json.loads(json.loads(found[0].input)["Parameters"])
    assert sent == {
        "wanted": 1,
        "ratio": 1,
        "tree": '{"a":[1]}',
    }  # JSON travels as text, as Metaflow's `trigger` sends it


def test_names_are_short_enough() -> None:
    assert schedule_name("TrainFlow") == "TrainFlow"
    assert schedule_name("TrainFlow", "nightly") == "TrainFlow--nightly"
    long = schedule_name("a" * 80, "nightly")
    assert len(long) == 64
    assert long != schedule_name("a" * 80, "weekly")


def test_what_fits_is_not_refused() -> None:
    values = {"ratio": 0.5, "tree": '{"a": 1}', "flag": True, "with-dash": "x"}
    assert refused(scheduled(nightly={**DAILY, "parameters": values}, often={"rate": "7 days"})) == []


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "schedules.x: found neither cron nor rate; give one of them"),
        ({**DAILY, "rate": "1 hour"}, "schedules.x: found both cron and rate; give one of them"),
        ({"cron": "0 3 * * *"}, "schedules.x.cron: '0 3 * * *': it has 5 fields; AWS takes six"),
        ({"rate": "30 seconds"}, "schedules.x.rate: found '30 seconds', allowed: a number and a unit"),
        ({"rate": "30 seconds"}, "AWS starts nothing more often than once a minute"),
        ({"rate": "0 minutes"}, "schedules.x.rate: found '0 minutes', allowed"),
        ({"rate": "hourly"}, "schedules.x.rate: found 'hourly', allowed"),
        (
            {**DAILY, "timezone": "Europe/Berln"},
            "schedules.x.timezone: 'Europe/Berln' is not a timezone (did you mean 'Europe/Berlin'?); EventBridge",
        ),
        ({"rate": "1 hour", "timezone": "Europe/Berlin"}, "schedules.x.timezone: a rate has none"),
        (
            {**DAILY, "parameters": {"ration": 1}},
            "schedules.x.parameters.ration: the flow has no such parameter (did you mean 'ratio'?); known: ",
        ),
        ({**DAILY, "parameters": {"ratio": "much"}}, "schedules.x.parameters.ratio: found 'much', allowed: a value of"),
        ({**DAILY, "parameters": {"ratio": None}}, "schedules.x.parameters.ratio: found None, allowed: a value of"),
        ({**DAILY, "parameters": {"tree": "{"}}, "schedules.x.parameters.tree: found '{', allowed: a mapping"),
        ({**DAILY, "parameters": {"text": "x" * 9_000}}, "schedules.x.parameters: with them the container overrides"),
    ],
)
def test_what_does_not_fit_is_refused(entry: dict[str, Any], words: str) -> None:
    found = "\n".join(refused(scheduled(x=entry)))
    assert words in found, found


def test_a_name_that_aws_would_refuse() -> None:
    found = refused(scheduled("parameters", None, **{"a b": DAILY}))
    assert "schedules.a b: a name has 1 to 32 letters" in "\n".join(found)


def test_all_problems_are_told_at_once() -> None:
    found = refused(scheduled(a={"rate": "1 second"}, b={"cron": "x", "timezone": "Nowhere", "parameters": {"no": 1}}))
    assert len(found) == 4


def test_a_required_parameter_needs_a_value() -> None:
    entry = ScheduleEntry.model_validate(DAILY)
    found = refused(plan("parameters", schedules={"x": entry}, parameters=LATE))
    assert [line.partition(";")[0] for line in found] == [
        "ParametersFlow: schedules.x: the parameter 'wanted' is required and has no default"
    ]


def test_an_included_file_is_no_parameter_of_a_schedule() -> None:
    found = "\n".join(refused(scheduled("include_file", x={**DAILY, "parameters": {"text": "other.txt"}})))
    assert "parameters.text: an IncludeFile is read when the flow is deployed" in found


def test_a_cron_of_the_stack_and_several_schedules_contradict() -> None:
    found = "\n".join(refused(scheduled("schedule_added", x=DAILY)))
    assert "schedules and schedule.cron ('0 12 * * ? *') both say when the flow runs; leave one out" in found


@pytest.mark.parametrize(
    ("queue", "words"),
    [
        ("flows-dead", "allowed: the ARN of an SQS queue, such as arn:aws:sqs:us-east-1:"),
        ("arn:aws:sqs:us-east-1:123456789012:dead.fifo", "a FIFO queue; EventBridge Scheduler takes a standard queue"),
        ("arn:aws:sqs:eu-west-1:123456789012:dead", "which is in another region; give a queue in us-east-1"),
    ],
)
def test_a_queue_that_takes_no_dead_letters(queue: str, words: str) -> None:
    found = "\n".join(refused(scheduled(x=DAILY), dead_letter_queue=queue))
    assert f"dead_letter_queue: found {queue!r}, {words}" in found


def test_a_key_that_an_entry_does_not_have() -> None:
    with pytest.raises(ValueError, match="enbled"):
        StepFunctionsSection.model_validate({"schedules": {"x": {**DAILY, "enbled": False}}})
