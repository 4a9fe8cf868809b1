"""Refuses a flow's state machine where one is there already, unless the stack has its production token: takes it over.

AWS answers the creation of a state machine that equals the one that is there as if it had made it
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html). So what is taken over is
brought to what the stack asks for just before Pulumi creates it: docs/decisions/adopt.md says why not by an import.
Metaflow's rule, which starts the flow until then, is turned off with it: the stack's schedules are others, and the flow
would run twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.aws_plugin.machines import Machine, Patience
from flowinfra.aws_plugin.session import AwsError
from flowinfra.components.creation import Making
from flowinfra.components.names import FLOW_TAG, PROJECT_TAG, STACK_TAG
from flowinfra.components.ownership import before_create, in_thread
from flowinfra.components.platform import PlatformSettings
from flowinfra.components.preview_cluster import warn_once
from flowinfra.components.renames import kept_name
from flowinfra.components.site import Site
from flowinfra.errors import ConfigError, ToolError
from flowinfra.targets.step_functions.account import Account, account
from flowinfra.targets.step_functions.by_hand import ByHand, owner_and_token, read_back, rule_name
from flowinfra.targets.step_functions.changes import changes
from flowinfra.targets.step_functions.plan import FlowPlan
from flowinfra.targets.step_functions.timing import UTC, starts
from flowinfra.targets.task_command import NotMetaflowError

_Making = Making[FlowPlan, PlatformSettings]
_OWN = (PROJECT_TAG, STACK_TAG, FLOW_TAG)
_SETTLED = 10.0
"""Seconds after which an update that AWS does not show yet is waited for no longer."""


def not_taken(making: _Making) -> pulumi.ResourceHookBinding | None:
    """The hook for a flow's state machine; None for Pulumi's mocks, which have no hooks."""
    reach = Reach.of(making)

    async def look(inputs: Mapping[str, Any]) -> None:
        await in_thread(look_in_account, making.plan, reach, inputs)

    return before_create(f"{making.name}-state-machine", look)


@dataclass(frozen=True)
class Reach:
    """What a hook has to know, which runs where Pulumi's own functions do not know of the program."""

    site: Site
    config: str
    """Configuration of the stack, as JSON."""
    preview: bool

    @classmethod
    def of(cls, making: _Making) -> Reach:
        """What the hooks of a flow have to know."""
        config = json.dumps(dict(pulumi.runtime.get_config_env()), sort_keys=True)
        return cls(making.platform.site(), config, pulumi.runtime.is_dry_run())

    @property
    def account(self) -> Account:
        """Clients; raises ToolError where the account is not reached."""
        return account(self.config, self.site.region, self.site.account)


def look_in_account(plan: FlowPlan, reach: Reach, inputs: Mapping[str, Any]) -> None:
    """Look for a state machine in a new one's place: refuse it, or take it over where the stack has its token.

    Args:
        plan: of the flow.
        reach: how the account is reached.
        inputs: of the state machine that is about to be made.

    Raises:
        ConfigError: it is not the stack's to take over. Where AWS cannot be asked, a preview warns.
    """
    arn = reach.site.state_machine_arn(plan.name)
    try:
        account = reach.account
        live = account.machines.find(arn)
    except (AwsError, ToolError, BotoCoreError) as error:
        unknown = f"whether there are state machines of others is not known: {error}"
        if plan.names.production_token is not None and not reach.preview:
            raise ConfigError(f"{plan.name}: {unknown}") from None
        if reach.preview:
            warn_once(f"{unknown}. This preview does not check it")
        return
    if live is None:
        if reach.preview:
            _tell_renamed(plan, reach, account)
        return
    if not _is_own(live, plan):
        _refuse(plan, live)
    elif reach.preview or plan.names.production_token is None:
        return  # a deploy that was killed has made it (`flowinfra recover`), or has begun to take it over
    if problems := list(_unlike(account, live)):
        raise ConfigError(f"{plan.name}: the state machine cannot be taken over: {'; '.join(problems)}")
    rule = _rule(account, plan)
    if reach.preview:
        _tell(plan, read_back(live.definition), rule)
        return
    if rule.running:
        _switch_off(account, plan, rule)
    _take_over(account, live, inputs)


def _tell_renamed(plan: FlowPlan, reach: Reach, account: Account) -> None:
    """Say what is lost with the state machine that a renamed flow had, and what would keep it."""
    for former in plan.former_names:
        try:
            live = account.machines.find(reach.site.state_machine_arn(former))
        except AwsError as error:
            warn_once(f"{plan.name}: whether it was the state machine {former} is not known: {error}")
            return
        if live is not None and all(live.tags.get(key) == plan.tags[key] for key in (PROJECT_TAG, STACK_TAG)):
            pulumi.log.warn(
                f"{plan.name} was the state machine {former}, and AWS renames none: a new one is made, then {former} "
                "is deleted. Its ARN and the history of its executions are lost, and executions that run end at their "
                f"next state{'. '.join(_of_rename(plan, former, live))}"
            )


def _of_rename(plan: FlowPlan, former: str, live: Machine) -> Iterator[str]:
    """What becomes of the namespace, and what keeps it or all."""
    try:
        _, token = owner_and_token(live.definition)
    except NotMetaflowError:
        token = plan.token
    moved = token != plan.token
    yield f"; runs move from the namespace production:{token} to production:{plan.token}" if moved else ""
    if name := kept_name(plan.compiled, former):
        yield f"`name: {name}` keeps all of that" + (f", `production_token: {token}` the namespace" if moved else "")


def _is_own(live: Machine, plan: FlowPlan) -> bool:
    return all(live.tags.get(key) == plan.tags[key] for key in _OWN)


def _refuse(plan: FlowPlan, live: Machine) -> None:
    """Raise ConfigError unless the state machine was deployed by hand, with the production token that the stack has."""
    place = f"{plan.name}: the state machine is there already"
    stack = "/".join(live.tags[key] for key in (PROJECT_TAG, STACK_TAG) if key in live.tags)
    if stack:
        raise ConfigError(
            f"{place}, and is that of the stack {stack}: it is not replaced. Destroy it there, or give this stack "
            "another `name_prefix`, or the flow another `name`"
        )
    try:
        owner, token = owner_and_token(live.definition)
    except NotMetaflowError:
        raise ConfigError(
            f"{place}, and is not one of Metaflow's: it is not replaced. Remove it (`aws stepfunctions "
            f"delete-state-machine --state-machine-arn {live.arn}`), or give the flow another `name`"
        ) from None
    if token == plan.names.production_token:
        return
    given = plan.names.production_token
    has = "is not in the stack's file" if given is None else f"is not {given!r}"
    raise ConfigError(
        f"{place}: {owner} deployed it by hand, and its production token {has}. It is not replaced. To take it over, "
        f"with its ARN, executions and namespace: `flowinfra adopt {plan.names.stack} {plan.name}`; or give the flow "
        "another `name`, or the stack another `name_prefix`"
    )


def _unlike(account: Account, live: Machine) -> Iterator[str]:
    """What keeps a state machine from being what Pulumi is about to create."""
    found = account.states.describe_state_machine(stateMachineArn=live.arn)
    change = f"aws stepfunctions update-state-machine --state-machine-arn {live.arn}"
    if live.kind != "STANDARD":
        yield f"its type is {live.kind}, which cannot be changed"
    if found.get("tracingConfiguration", {}).get("enabled"):
        yield f"it is traced by X-Ray; turn that off: `{change} --tracing-configuration enabled=false`"
    if found.get("encryptionConfiguration", {}).get("type", "AWS_OWNED_KEY") != "AWS_OWNED_KEY":
        undo = f"{change} --encryption-configuration type=AWS_OWNED_KEY"
        yield f"it is encrypted with a key of yours; undo that: `{undo}`"


@dataclass(frozen=True)
class _Rule:
    name: str
    schedule: str | None = None
    """None where the rule does not exist."""
    running: bool = False
    unknown: str = ""
    """Why it is not known."""


def _rule(account: Account, plan: FlowPlan) -> _Rule:
    """The rule that Metaflow made for the flow's schedule."""
    name = rule_name(plan.name)
    try:
        found = account.events.describe_rule(Name=name)
    except account.events.exceptions.ResourceNotFoundException:
        return _Rule(name)
    except (BotoCoreError, ClientError) as error:
        return _Rule(name, unknown=str(error))
    return _Rule(name, found.get("ScheduleExpression"), found["State"] != "DISABLED")


def _tell(plan: FlowPlan, found: ByHand, rule: _Rule) -> None:
    """Say in a preview, and so in a report of it, what is taken over, and what changes by that."""
    told = [*changes(found, plan.compiled), *_schedule_changes(plan, rule)]
    pulumi.log.warn(
        f"{plan.name}: the state machine that {found.owner} deployed by hand is taken over, with its ARN, executions "
        f"and the namespace production:{found.token}. What changes beside code, roles and image: "
        f"{'; '.join(told) or 'nothing'}"
    )


def _schedule_changes(plan: FlowPlan, rule: _Rule) -> Iterator[str]:
    if rule.unknown:
        yield f"whether a rule {rule.name} starts it today is not known: {rule.unknown}"
        return
    found = starts(plan)
    if not found:
        if rule.running:
            yield f"the flow has no schedule, and the rule {rule.name}, which starts it today, is turned off"
        return
    will = ", ".join(each.expression + (f" {each.timezone}" if each.timezone != UTC else "") for each in found)
    if will != rule.schedule:
        yield f"schedule {rule.schedule or 'none'} → {will}"
    on = any(each.enabled for each in found)
    if on != rule.running:
        yield f"the schedule is turned {'on' if on else 'off'}"
    if rule.running:
        yield f"the rule {rule.name}, which starts it today, is turned off: EventBridge Scheduler has the schedule then"


def _switch_off(account: Account, plan: FlowPlan, rule: _Rule) -> None:
    """Switch a rule off as Metaflow's `create` does for a flow without a schedule; before anything else is changed.

    It is not deleted: whoever goes back turns it on again.
    """
    try:
        account.events.disable_rule(Name=rule.name)
    except (BotoCoreError, ClientError) as error:
        raise ConfigError(
            f"{plan.name}: the rule {rule.name}, which starts it today beside the stack's schedules, cannot be turned "
            f"off: {error}. Run `aws events disable-rule --name {rule.name}`, and deploy again"
        ) from None


def _take_over(account: Account, live: Machine, inputs: Mapping[str, Any]) -> None:
    tags = inputs.get("tagsAll") or inputs.get("tags") or {}
    wanted = Machine(
        name=live.name,
        definition=inputs["definition"],
        role_arn=inputs["roleArn"],
        logging=dict(inputs["loggingConfiguration"]),
        tags=dict(tags),
        arn=live.arn,
    )
    account.machines.update(live, wanted, Patience())
    account.machines.tag(live, wanted.tags, lambda key: not key.startswith("aws:"))
    deadline = time.monotonic() + _SETTLED
    # UpdateStateMachine is eventually consistent, and a creation of what differs is refused
    while time.monotonic() < deadline:
        now = account.machines.find(live.arn)
        if now is not None and now.same_but_tags(wanted):
            return
        time.sleep(0.5)
