"""Running executions get time to end before their state machine is deleted or replaced (`drain`).

AWS ends executions of a deleted state machine at their next state. So a hook of Pulumi's waits before the deletion,
when what starts executions is gone: rule and target depend on the state machine, and are deleted before it. The engine
looks for the hook by its name, which the state has, also where the program knows the flow no more: there is one hook
for all flows, which every program registers, and how long to wait is a tag of the state machine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import pulumi
from botocore.exceptions import BotoCoreError, ClientError
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from flowinfra.components.names import DRAIN_TAG
from flowinfra.components.ownership import in_thread
from flowinfra.errors import ConfigError, ToolError
from flowinfra.targets.step_functions.account import account

NAME = "flowinfra: drain"
"""Of the hook, in the states of stacks: it stays."""
MOST = 24 * 3600
"""Seconds: credentials of a deploy seldom live longer."""
_POLL = 5.0
_COUNTED = 1_000
"""Executions that are counted; AWS lists no more at once."""

_registered: WeakKeyDictionary[object, pulumi.ResourceHook] = WeakKeyDictionary()
"""Engine's monitor, one per run of a program → the hook."""


def register() -> pulumi.ResourceHook | None:
    """The hook, registered once for a program, which need not have a flow that is drained; None for Pulumi's mocks."""
    monitor = get_monitor()
    if isinstance(monitor, MockMonitor):
        return None
    if monitor not in _registered:
        config = json.dumps(dict(pulumi.runtime.get_config_env()), sort_keys=True)

        async def hook(args: pulumi.ResourceHookArgs) -> None:
            seconds = _seconds(args.old_inputs or {})
            if seconds:
                await drained(args.id, seconds, config)

        _registered[monitor] = pulumi.ResourceHook(NAME, hook)
    return _registered[monitor]


def drains(seconds: int | None, others: pulumi.ResourceHookBinding | None) -> pulumi.ResourceHookBinding | None:
    """The hooks of a state machine: those that it has anyway, and where `seconds` are given the one that waits."""
    hook = register()
    if hook is None or not seconds:
        return others
    return pulumi.ResourceHookBinding(before_create=others.before_create if others else None, before_delete=[hook])


def _seconds(inputs: Any) -> int:
    found = (inputs.get("tags") or {}).get(DRAIN_TAG)
    return int(found) if isinstance(found, str) and found.isdecimal() else 0


async def drained(arn: str, seconds: float, config: str, pause: float = _POLL) -> None:
    """Wait until a state machine has no running executions, for so many seconds at most.

    Args:
        arn: of the state machine.
        seconds: after which those that still run are left to what happens.
        config: configuration of the stack, as JSON.
        pause: seconds between two questions.

    Raises:
        ConfigError: AWS does not say what runs: nothing is deleted then.
    """
    name = arn.rsplit(":", 1)[-1]
    deadline = time.monotonic() + seconds
    told = False
    while True:
        count = await _asked(lambda: running(arn, config), name)
        if not count:
            return
        least = "at least " if count >= _COUNTED else ""
        if time.monotonic() >= deadline:
            pulumi.log.warn(
                f"{name}: {least}{count} of its executions still run after {seconds:g} s (`drain`): they end at their "
                "next state"
            )
            return
        if not told:
            pulumi.log.info(f"{name}: waits up to {seconds:g} s for {least}{count} running executions to end (`drain`)")
            told = True
        await asyncio.sleep(min(pause, max(deadline - time.monotonic(), 0)))


async def _asked(ask: Callable[[], int], name: str) -> int:
    found: list[int] = []
    try:
        await in_thread(lambda: found.append(ask()))
    except (ToolError, BotoCoreError, ClientError) as error:
        raise ConfigError(
            f"{name}: whether executions run is not known, and so it is not deleted: {error}. Deploy again, or take "
            "`drain` away first"
        ) from None
    return found[0]


def running(arn: str, config: str) -> int:
    """How many executions of a state machine run, at most as many as AWS lists at once; none where it is gone."""
    _, _, _, region, owner, *_ = arn.split(":")
    states = account(config, region, owner).states
    try:
        return len(
            states.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=_COUNTED)["executions"]
        )
    except states.exceptions.StateMachineDoesNotExist:
        return 0
