"""An update that failed is not passed over by the next deploy.

Pulumi's Terraform bridge leaves the *planned* state of an update that failed (`pkg/tfbridge/provider.go`, Update),
marked with its errors. The next `pulumi up` finds no difference then, asks the provider for an update of nothing, and
is green while AWS has the old definition, revision, policy or schedule (pulumi/pulumi#21458, seen with the bridge
3.120; `tests/bridge` shows it). What helps is to read first: `pulumi up --refresh`. What was weighed instead:

- a refresh at each operation (`options: refresh: always` in Pulumi.yaml): every preview would read every resource;
- `on_error` hooks, to try again in the same deploy: not in every supported engine (pulumi/pulumi#23344), and a
  failure that stays is lost as before;
- to compare with what is live, here: the provider of the resource may have other credentials than this program.

So each update is asked for before it begins: a hook of the engine, which costs nothing where nothing is updated, looks
whether the state marks the resource as failed. A preview warns; a deploy stops, unless it was refreshed, which takes
the mark away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from flowinfra.components.program import project_root
from flowinfra.engine.command import pulumi as pulumi_command
from flowinfra.errors import ToolError

Failures = Mapping[str, str]
"""URN → why its last update failed."""

_seen: WeakKeyDictionary[object, Failures] = WeakKeyDictionary()
"""Engine's monitor, one per run of a program → failures when it was first asked for."""


def of_component(component: pulumi.ComponentResource, name: str) -> pulumi.ResourceOptions:
    """Options of a component's children, which look at their last update before the next one."""
    options = pulumi.ResourceOptions(parent=component)
    if isinstance(get_monitor(), MockMonitor):
        return options  # no engine, no hooks
    kind = type(component).__name__
    hook = pulumi.ResourceHook(f"{kind} {name}: last update", _look, pulumi.ResourceHookOptions(on_dry_run=True))
    options.hooks = pulumi.ResourceHookBinding(before_update=[hook])
    return options


def failures(state: str) -> Failures:
    """What a state, as `pulumi stack export` writes it, marks as failed."""
    resources = json.loads(state)["deployment"].get("resources", ())
    return {item["urn"]: " ".join(str(item["initErrors"][0]).split()) for item in resources if item.get("initErrors")}


def _look(args: pulumi.ResourceHookArgs) -> None:
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"

    def read() -> Failures:
        return failures(pulumi_command(project_root(), "stack", "export", "--stack", stack))

    try:
        monitor = get_monitor()
        if monitor not in _seen:
            _seen[monitor] = read()
        found = _seen[monitor]
        if args.urn in found and not pulumi.runtime.is_dry_run():
            found = read()  # a refresh may have come between
    except ToolError as error:
        pulumi.log.warn(f"{args.name}: whether its last update failed is not known: {error}")
        return
    if args.urn not in found:
        return
    problem = (
        f"{args.name}: its last update failed, and the stack's state says that it was done: without a refresh, a "
        f"deploy would leave what is there unchanged. Deploy with: pulumi up --refresh -s {pulumi.get_stack()}\n"
        f"The failure was: {found[args.urn]}"
    )
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(problem)
    pulumi.log.warn(problem)
