"""A state machine in the place of a flow's: refused, or brought to what is asked for just before it is created."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flowinfra.errors import ConfigError
from flowinfra.targets.step_functions import ownership as taken
from flowinfra.targets.step_functions.account import _opened as opened
from flowinfra.targets.step_functions.plan import FlowPlan
from tests.unit.by_hand import definition
from tests.unit.components.compiled import SITE, plan

TOKEN = "linearflow-0-byik"
ROLE = "arn:aws:iam::123456789012:role/states"
PLAIN = json.dumps({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}})


class Account:
    """An account in which a flow is about to be deployed."""

    def __init__(self) -> None:
        self.states: Any = boto3.client("stepfunctions")
        self.events: Any = boto3.client("events")
        self.warned: list[str] = []
        self.told: list[str] = []

    def by_hand(self, name: str = "LinearFlow", token: str = TOKEN, text: str | None = None, **more: Any) -> str:
        text = text or definition(name, token, "flow.py")
        made = self.states.create_state_machine(name=name, definition=text, roleArn=ROLE, **more)
        return str(made["stateMachineArn"])

    def rule(self, name: str, expression: str = "cron(0 1 * * ? *)") -> None:
        self.events.put_rule(Name=name, ScheduleExpression=expression)

    def look(self, flow: FlowPlan, preview: bool = True, **site: Any) -> None:
        inputs = {
            "definition": PLAIN,
            "roleArn": f"{ROLE}-new",
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
            "tags": flow.tags,
            "tagsAll": {**flow.tags, "default": "tag"},
        }
        taken.look_in_account(flow, taken.Reach(replace(SITE, **site), "{}", preview), inputs)

    def refused(self, flow: FlowPlan) -> str:
        """Why it is refused; fails unless a preview and a deploy say the same, and nothing is changed."""
        before = self.there()
        said = set()
        for preview in (True, False):
            with pytest.raises(ConfigError) as raised:
                self.look(flow, preview)
            said.add(str(raised.value))
        assert self.there() == before
        [words] = said
        return words

    def there(self) -> list[Any]:
        machines = self.states.list_state_machines()["stateMachines"]
        found = [self.states.describe_state_machine(stateMachineArn=each["stateMachineArn"]) for each in machines]
        return [
            (each["name"], each["definition"], each["roleArn"], self.tags(each["stateMachineArn"])) for each in found
        ]

    def tags(self, arn: str) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in self.states.list_tags_for_resource(resourceArn=arn)["tags"]}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    opened.cache_clear()
    with mock_aws():
        made = Account()
        monkeypatch.setattr(taken, "warn_once", made.warned.append)
        monkeypatch.setattr("pulumi.log.warn", made.told.append)
        yield made
    opened.cache_clear()


def given(token: str | None, construct: str = "linear") -> FlowPlan:
    flow = plan(construct)
    return replace(flow, names=replace(flow.names, production_token=token))


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("preview", [True, False])
def test_where_nothing_is_all_is_well(account: Account, token: str | None, preview: bool) -> None:
    account.look(given(token), preview)
    assert (account.warned, account.told) == ([], [])


def test_without_its_token_it_is_refused(account: Account) -> None:
    account.by_hand()
    said = account.refused(given(None))
    assert said.startswith(
        "LinearFlow: the state machine is there already: ann deployed it by hand, and its production"
    )
    assert "token is not in the stack's file. It is not replaced" in said
    assert "`flowinfra adopt dev LinearFlow`" in said
    assert "its production token is not 'linearflow-1-wxyz'" in account.refused(given("linearflow-1-wxyz"))


def test_what_is_not_metaflows_is_refused(account: Account) -> None:
    account.by_hand(text=PLAIN)
    assert "and is not one of Metaflow's: it is not replaced" in account.refused(given(TOKEN))


def test_another_stacks_is_refused_also_with_its_token(account: Account) -> None:
    account.by_hand(tags=[{"key": "flowinfra:project", "value": "app"}, {"key": "flowinfra:stack", "value": "prod"}])
    assert "and is that of the stack app/prod: it is not replaced" in account.refused(given(TOKEN))


def test_what_would_not_be_equal_is_refused(account: Account) -> None:
    account.by_hand(tracingConfiguration={"enabled": True})
    said = account.refused(given(TOKEN))
    assert said.startswith(
        "LinearFlow: the state machine cannot be taken over: it is traced by X-Ray; turn that off: `aws"
    )


def test_a_preview_says_what_changes_and_changes_nothing(account: Account) -> None:
    account.by_hand(text=definition("LinearFlow", TOKEN, "flow.py", create="--tag nightly", TimeoutSeconds=60))
    before = account.there()
    account.look(given(TOKEN))
    assert account.there() == before
    [told] = account.told
    assert told.startswith("LinearFlow: the state machine that ann deployed by hand is taken over, with its ARN, ")
    assert f"the namespace production:{TOKEN} stay" in told or f"the namespace production:{TOKEN}." in told
    assert "tags ['nightly'] → none; workflow_timeout 60 → none; " in told
    assert "step end is added" in told


def test_a_deploy_brings_it_to_what_is_asked_for(account: Account) -> None:
    arn = account.by_hand(tags=[{"key": "hand", "value": "made"}])
    flow = given(TOKEN)
    account.look(flow, preview=False)
    wanted = ("LinearFlow", PLAIN, f"{ROLE}-new", {**flow.tags, "default": "tag"})
    assert account.there() == [wanted]
    # killed before Pulumi created it, and run again; a preview says nothing more
    account.look(flow, preview=False)
    account.look(flow)
    assert account.there() == [wanted]
    assert account.told == []
    # the creation that follows finds an equal one
    made = account.states.create_state_machine(name="LinearFlow", definition=PLAIN, roleArn=f"{ROLE}-new")
    assert made["stateMachineArn"] == arn


def test_a_preview_says_what_a_rename_loses(account: Account) -> None:
    tags = [{"key": "flowinfra:project", "value": "app"}, {"key": "flowinfra:stack", "value": "dev"}]
    account.by_hand("OldFlow", "oldflow-0-abcd", tags=tags)
    flow = replace(plan("linear"), renamed_from="OldFlow")
    account.look(flow, preview=False)
    assert account.told == []
    account.look(flow)
    assert account.told == [
        "LinearFlow was the state machine OldFlow, and AWS renames none: a new one is made, then OldFlow is deleted. "
        "Its ARN and the history of its executions are lost, and executions that run end at their next state; runs "
        f"move from the namespace production:oldflow-0-abcd to production:{flow.token}. `name: OldFlow` keeps all of "
        "that, `production_token: oldflow-0-abcd` the namespace"
    ]


def test_what_another_stack_has_by_the_old_name_is_not_lost(account: Account) -> None:
    account.by_hand("OldFlow")
    account.look(replace(plan("linear"), renamed_from="OldFlow"))
    assert account.told == []


def test_a_schedule_that_the_flow_has_no_more_is_turned_off(account: Account) -> None:
    account.by_hand()
    account.rule("LinearFlow")
    account.look(given(TOKEN))
    assert "the flow has no schedule, and the rule LinearFlow, which starts it today, is turned off" in account.told[0]
    assert account.events.describe_rule(Name="LinearFlow")["State"] == "ENABLED"
    account.look(given(TOKEN), preview=False)
    assert account.events.describe_rule(Name="LinearFlow")["State"] == "DISABLED"


def test_a_schedule_that_changes_is_told(account: Account) -> None:
    token = "scheduledailyflow-0-abcd"
    flow = replace(given(token, "schedule_daily"), schedule_enabled=False)
    account.by_hand(flow.name, token)
    account.rule(flow.name)
    account.look(flow)
    assert "schedule cron(0 1 * * ? *) → cron(0 0 * * ? *); the schedule is turned off; the rule" in account.told[0]


def test_a_rule_is_turned_off_for_the_stacks_schedule_or_the_flow_would_run_twice(account: Account) -> None:
    token = "scheduletimezoneflow-0-abcd"
    flow = given(token, "schedule_timezone")
    account.by_hand(flow.name, token)
    account.rule(flow.name)
    account.look(flow)
    assert "schedule cron(0 1 * * ? *) → cron(" in account.told[0]
    assert "Europe/Paris; " in account.told[0]
    assert (
        f"the rule {flow.name}, which starts it today, is turned off: EventBridge Scheduler has the schedule then"
        in account.told[0]
    )
    assert account.events.describe_rule(Name=flow.name)["State"] == "ENABLED"
    account.look(flow, preview=False)
    assert account.events.describe_rule(Name=flow.name)["State"] == "DISABLED"
    # killed right after: the machine is the stack's by its tags, and the rule stays off
    account.look(flow, preview=False)
    assert account.events.describe_rule(Name=flow.name)["State"] == "DISABLED"


def test_credentials_of_another_account_are_not_used(account: Account) -> None:
    account.by_hand()
    account.look(given(TOKEN), account="210987654321")
    [words] = account.warned
    assert "the flows go to the account 210987654321, and the credentials here are of 123456789012" in words
    with pytest.raises(ConfigError, match="the credentials here are of 123456789012"):
        account.look(given(TOKEN), preview=False, account="210987654321")
    account.look(given(None), preview=False, account="210987654321")  # AWS itself refuses then
