"""Whether a role that the platform brings may be taken on by what starts flows with it: looked up at preview.

AWS refuses a schedule whose role EventBridge Scheduler cannot take on, and a target whose role EventBridge cannot, but
only when they are made, after everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.components.creation import Making
from flowinfra.components.ownership import before_create, in_thread
from flowinfra.components.platform import PlatformSettings
from flowinfra.components.preview_cluster import warn_once
from flowinfra.errors import ConfigError, ToolError
from flowinfra.targets.step_functions.ownership import Reach
from flowinfra.targets.step_functions.plan import FlowPlan

SCHEDULER, EVENTS = "scheduler.amazonaws.com", "events.amazonaws.com"
_ACTIONS = frozenset(("sts:assumerole", "sts:*", "*"))


def trusted(making: Making[FlowPlan, PlatformSettings], name: str, service: str) -> pulumi.ResourceHookBinding | None:
    """The hook that looks before a resource is made with the platform's `events_role`; None where it brings none.

    Args:
        making: of the flow.
        name: of the resource, once in a program.
        service: what takes the role on.
    """
    if making.platform.events_role is None:
        return None
    reach = Reach.of(making)

    async def look(inputs: Mapping[str, Any]) -> None:
        target = inputs.get("target")
        role = target.get("roleArn") if isinstance(target, Mapping) else inputs.get("roleArn")
        if isinstance(role, str):  # else it is not known at preview
            await in_thread(look_at_role, making.plan.name, reach, role, service)

    return before_create(name, look)


def look_at_role(flow: str, reach: Reach, role: str, service: str) -> None:
    """Look at a role's trust policy.

    Args:
        flow: what it starts.
        reach: how the account is reached.
        role: its ARN.
        service: what takes it on.

    Raises:
        ConfigError: the service may not. Where AWS cannot be asked, a preview warns.
    """
    try:
        roles = reach.account.roles
        policy = roles.get_role(RoleName=role.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
    except (ToolError, BotoCoreError, ClientError) as error:
        if reach.preview:
            warn_once(f"whether {service} may take on the platform's events_role {role} is not known: {error}")
        return
    if not trusts(policy, service):
        raise ConfigError(
            f"{flow}: the platform's events_role {role} cannot start it: its trust policy does not let {service} take "
            f'it on. Add {{"Effect": "Allow", "Principal": {{"Service": "{service}"}}, "Action": "sts:AssumeRole"}} to '
            "the statements, or leave events_role out: flowinfra makes a role for each flow then"
        )


def trusts(policy: Mapping[str, Any], service: str) -> bool:
    """Whether a trust policy lets a service take the role on; its conditions are taken as met."""
    found = policy.get("Statement", [])
    return any(
        statement.get("Effect") == "Allow"
        and _ACTIONS.intersection(action.lower() for action in _listed(statement.get("Action")))
        and service in _services(statement.get("Principal"))
        for statement in (found if isinstance(found, list) else [found])
    )


def _services(principal: Any) -> Iterator[str]:
    if isinstance(principal, Mapping):
        yield from _listed(principal.get("Service"))


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]
