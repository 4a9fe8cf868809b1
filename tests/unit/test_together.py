"""Flows that wait for several events on Step Functions: what is wrong with them, and what their parts say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flowinfra.components.site import Site
from flowinfra.model.compiled import Decorator, Trigger
from flowinfra.targets.step_functions import iam, together, triggers
from flowinfra.targets.step_functions.chains import Chains
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from tests.unit.golden import compiled

SITE = Site("aws", "eu-west-1", "123456789012", "bkt", "metaflow", queue="jobs", table="foreach")
STATES = "arn:aws:states:eu-west-1:123456789012:stateMachine"


def flow(*names: str, decorator: str = "trigger", **options: Any) -> StepFunctionsCompiled:
    base = compiled("linear")
    assert isinstance(base, StepFunctionsCompiled)
    found = {
        "triggers": tuple(Trigger(name=name, type="run" if name.endswith(".end") else "event") for name in names),
        "decorators": (Decorator(name=decorator, attributes={"options": options} if options else {}),),
    }
    return base.model_copy(update={"flow": base.flow.model_copy(update=found)})


def test_one_event_needs_none_of_it() -> None:
    one = flow("a", reset_at={"cron": "0 8 * * *"}).flow
    assert not triggers.several(one)
    assert one.starts_when is None
    assert together.reset(one) is None
    assert list(together.problems("F", one, replace(SITE, table=None))) == []


def test_a_platform_without_a_table_is_told() -> None:
    waiting = flow("a", "b").flow
    [problem] = together.problems("F", waiting, replace(SITE, table=None))
    assert str(problem) == (
        "F: waits for all of a, b, and what has come is kept in the table that a foreach needs, which the platform "
        "does not have; give it a `table`, or wait for the last event alone"
    )
    assert list(together.problems("F", waiting, SITE)) == []


def test_limits_of_aws_are_told() -> None:
    name = "x" * 74
    [problem] = together.problems(name, flow("a", "b").flow, SITE)
    assert "its name has 81 characters, allowed are 80" in str(problem)
    many = [f"event-{number}" for number in range(together.MOST + 1)]
    [problem] = together.problems("F", flow(*many).flow, SITE)
    assert str(problem) == "F: waits for 51 events, allowed are 50"


def test_the_most_events_fit_into_expressions_of_dynamodb() -> None:
    definition = json.loads(together.definition("F", flow(*map(str, range(together.MOST))).flow, SITE))
    asked = definition["States"]["Take all"]["Parameters"]
    assert max(len(text) for key, text in asked.items() if key.endswith("Expression")) < 4096
    # https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
    assert len(definition["States"]["Take all"]["ResultSelector"]["Triggers.$"]) < 10_000


def test_its_role_may_write_its_own_row_and_start_its_own_flow() -> None:
    waiting = flow("a", "b")
    statements = {each["Sid"]: each for each in together.policy("F", SITE)["Statement"]}
    definition = json.loads(together.definition("F", waiting.flow, SITE))
    asked = [each["Parameters"] for each in definition["States"].values() if "dynamodb" in each.get("Resource", "")]
    keys = {each["Key"]["pathspec"]["S"] for each in asked}
    assert statements["KeepEvents"]["Action"] == ["dynamodb:UpdateItem"]
    assert statements["KeepEvents"]["Resource"] == ["arn:aws:dynamodb:eu-west-1:123456789012:table/foreach"]
    assert statements["KeepEvents"]["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [*keys]}}
    assert statements["StartFlow"]["Resource"] == [f"{STATES}:F"]
    assert statements.keys() == {"KeepEvents", "StartFlow"}
    keyed = together.policy("F", replace(SITE, kms_keys=("arn:aws:kms:eu-west-1:123456789012:key/1",)))
    assert len(keyed["Statement"]) == 3


def test_rules_may_tell_of_events_and_start_no_flow() -> None:
    [statement] = iam.events_policy(flow("a", "b"), SITE)["Statement"]
    assert statement["Resource"] == [f"{STATES}:LinearFlow-events"]
    [statement] = iam.schedules_policy(flow("a", "b", reset_at={"cron": "0 8 * * *"}), SITE, False)["Statement"]
    assert statement["Resource"] == [f"{STATES}:LinearFlow-events"]


def test_roles_of_the_platform_are_told_what_they_need() -> None:
    roles = replace(SITE, states_role="arn:s", events_role="arn:e")
    kept, started = together.warnings("F", flow("a", "b").flow, roles)
    assert "dynamodb:UpdateItem on the row 'flowinfra/events/F' of the table foreach" in kept
    assert f"states:StartExecution on {STATES}:F," in kept
    assert f"which come to {STATES}:F-events" in started
    assert list(together.warnings("F", flow("a").flow, roles)) == []
    assert list(together.warnings("F", flow("a", "b").flow, SITE)) == []


@pytest.mark.parametrize("decorator", ["trigger", "trigger_on_finish"])
def test_when_what_came_is_forgotten(decorator: str) -> None:
    at = {"cron": "0 8 1 * mon", "timezone": "Europe/Berlin"}
    waiting = flow("a", "b", decorator=decorator, reset_at=at).flow
    assert together.reset(waiting) == (["0 8 1 * ? *", "0 8 ? * 2 *"], "Europe/Berlin")
    assert [together.reset_name("F", index) for index in range(2)] == ["F-events", "F-events--2"]
    assert together.reset(flow("a", "b", reset_at={"cron": "0 8 * * *"}).flow) == (["0 8 * * ? *"], "UTC")
    assert together.reset(flow("a", "b").flow) is None
    assert "Reset" not in together.definition("F", flow("a", "b").flow, SITE)


def test_an_events_name_may_have_any_characters() -> None:
    trigger = Trigger(name='it\'s {} "b" \\', type="event")
    paths, template = triggers.transformer(trigger, alone=False)
    given = json.loads(template.replace("<id>", '"1"').replace("<aws.events.event.json>", '{"detail":{}}'))
    assert paths == {"id": "$.id"}
    assert given["trigger"] == {"name": trigger.name, "type": "event", "event": {"detail": {}}}
    assert given["key"].isalnum()


def test_flows_that_wait_for_each_other_are_told() -> None:
    ends = {"a.py": ("metaflow.B.end", "metaflow.X.end"), "b.py": ("metaflow.A.end",)}
    flows = {}
    for label, names in ends.items():
        made = flow(*names)
        flows[label] = made.model_copy(update={"flow": made.flow.model_copy(update={"name": label[0].upper()})})
    assert list(Chains(flows).warnings())[-1] == (
        "a.py → b.py → a.py: these flows wait for each other, so that no event starts any before a person does"
    )
