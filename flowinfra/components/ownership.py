"""Refuses what a stack is about to make where there is somebody else's already.

When it is about to be made, in a preview too, by a hook of Pulumi's, since the engine alone knows what the stack has
already: that is its own, whatever somebody did to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from flowinfra.components.names import PROJECT_LABEL, STACK_LABEL
from flowinfra.errors import ConfigError

_LOOKING = ThreadPoolExecutor(thread_name_prefix="flowinfra-looks")
"""Threads of this module's own: in those of the event loop Pulumi waits for resources, which may wait for a look."""

LABELS = (PROJECT_LABEL, STACK_LABEL)
"""Those of a Kubernetes object that say whose it is."""


def before_create(name: str, look: Callable[[Mapping[str, Any]], Awaitable[None]]) -> pulumi.ResourceHookBinding | None:
    """A hook that looks at a resource's inputs before it is made, and raises; None for Pulumi's mocks, which have none.

    Args:
        name: whose it is, once in a program.
        look: raises where the resource is not to be made.
    """
    if mocked():
        return None

    async def hook(args: pulumi.ResourceHookArgs) -> None:
        await look(args.new_inputs or {})

    registered = pulumi.ResourceHook(f"{name}-not-taken", hook, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_create=[registered])


def mocked() -> bool:
    """Whether Pulumi's mocks run the program: a unit test, which asks no account and no cluster."""
    return isinstance(get_monitor(), MockMonitor)


async def in_thread(look: Callable[..., None], *args: Any) -> None:
    """Look without keeping other hooks waiting."""
    await asyncio.get_running_loop().run_in_executor(_LOOKING, look, *args)


def refuse(
    place: str, found: Mapping[str, str], own: Mapping[str, str], keys: tuple[str, ...], remove: str, other: str
) -> None:
    """Raise ConfigError unless what is found carries this stack's marks.

    Args:
        place: what is there already.
        found: its tags or labels.
        own: those that this stack gives.
        keys: those that say whose it is: of the project, and of the stack.
        remove: command that takes it away.
        other: what the platform may be given for another place.
    """
    if keys and all(found.get(key) == own[key] for key in keys):
        return
    stack = "/".join(found[key] for key in keys if key in found)
    raise ConfigError(
        f"{place} is there already, and is {f'that of the stack {stack}' if stack else 'not of this stack'}: it is not "
        f"replaced. Remove it (`{remove}`), give the flow another `name`, or the platform {other}"
    )
