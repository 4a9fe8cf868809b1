"""IAM takes time: what was written to a role counts some seconds later, and AWS refuses what depends on it until then.

The provider waits where a state machine is created, and nowhere else: UpdateStateMachine and PutTargets fail at once
(terraform-provider-aws, `internal/service/sfn/state_machine.go` and `internal/service/events/target.go`), and so does
an execution that begins too early. So whoever uses roles that this deployment wrote waits here until they count. What
was not written is not waited for: a deployment that changes no role takes no longer.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

T = TypeVar("T")

SECONDS = "FLOWINFRA_IAM_SECONDS"
"""Environment variable: how long to wait in place of the default; the embedded AWS needs no time."""
_DEFAULT = 15.0
_written: dict[str, float] = {}
"""URN of a role or policy that this process wrote → when."""
_hooks: WeakKeyDictionary[object, pulumi.ResourceHook] = WeakKeyDictionary()
"""One for each program: an engine knows a hook by its name."""


def noted() -> pulumi.ResourceOptions:
    """Options of a role or policy: it is noted when it is written."""
    monitor = get_monitor()
    if isinstance(monitor, MockMonitor):
        return pulumi.ResourceOptions()
    if monitor not in _hooks:
        _hooks[monitor] = pulumi.ResourceHook("flowinfra-role-written", _note)
    hook = _hooks[monitor]
    return pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(after_create=[hook], after_update=[hook]))


def settled(value: pulumi.Input[T], written: Sequence[pulumi.Resource]) -> pulumi.Input[T]:
    """`value` once the roles and policies count that were written; at once in a preview, which writes nothing."""
    if pulumi.runtime.is_dry_run() or not written:
        return value

    async def wait(found: list[object]) -> T:
        last = max((_written[urn] for urn in map(str, found[1:]) if urn in _written), default=None)
        if last is not None:
            await asyncio.sleep(max(0.0, last + seconds() - time.monotonic()))
        return found[0]  # type: ignore[return-value]

    return pulumi.Output.all(value, *(resource.urn for resource in written)).apply(wait)


def seconds() -> float:
    """How long what was written needs to count."""
    try:
        return float(os.environ.get(SECONDS, _DEFAULT))
    except ValueError:
        raise pulumi.RunError(f"{SECONDS} is {os.environ[SECONDS]!r}; give a number of seconds") from None


def _note(args: pulumi.ResourceHookArgs) -> None:
    _written[args.urn] = time.monotonic()
