"""A state machine that was deployed by hand → what a stack's file has to say of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowinfra.components.names import OWNER, PROJECT_TAG, STACK_TAG
from flowinfra.operate.adopt.account import Machine
from flowinfra.operate.adopt.entries import (
    NOT_ENABLED,
    Adoption,
    Deployed,
    NotAdoptedError,
    Stack,
    entry_of,
    of_all_targets,
    of_images,
    of_runs,
    refuse_a_persons,
    refuse_others,
)
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.platform import PlatformConfig
from flowinfra.targets.step_functions.by_hand import ByHand

_INPUT = '{"Parameters": "{}"}'
"""What Metaflow's rule gives each run."""
_LONG = 60
"""Characters of a @project flow's name from which on Metaflow cuts it, and adds a digest."""


def adoption(stack: Stack, machine: Machine, file: str, project: str | None) -> Adoption:
    """What a stack's file has to say so that the next `up` takes over a state machine.

    Args:
        stack: the stack.
        machine: what AWS has.
        file: that of the flow.
        project: of the flow's `@project`, where the file says it.

    Raises:
        NotAdoptedError: it cannot be the stack's.
    """
    found = _by_hand(stack, machine)
    name = _name(stack, machine, found, project)
    wanted = _wanted(machine, found, stack.config.platform)
    if name is not None:
        wanted["name"] = name
    deployed = Deployed("step-functions", machine.name, machine.arn, found.owner, found.token, found.unread)
    return entry_of(stack, deployed, file, wanted, lambda config: _notes(machine, found, stack.config, config))


def _by_hand(stack: Stack, machine: Machine) -> ByHand:
    refuse_others((machine.tags.get(PROJECT_TAG), machine.tags.get(STACK_TAG)), (stack.project, stack.name))
    if machine.by_hand is None:
        raise NotAdoptedError("is not one of Metaflow's: it has no owner and production token in its start state")
    return machine.by_hand


def _name(stack: Stack, machine: Machine, found: ByHand, project: str | None) -> str | None:
    """The key `name`, where the stack would call the state machine otherwise."""
    prefix = stack.config.name_prefix

    def attached(name: str) -> str:
        return name if not prefix or name.startswith(prefix) else f"{prefix}_{name}"

    if refuse_a_persons(found.token, found.options):
        production, branch = found.options.get("production"), found.options.get("branch")
        if project is None:
            return None
        between = "prod" if production else "test"
        full = attached(".".join((project, f"{between}.{branch}" if branch else between, found.flow)))
        same = full == machine.name if len(full) <= _LONG else machine.name.startswith(full[:_LONG])
        if not same:
            raise NotAdoptedError(_renamed(stack, full))
        return None
    if machine.name == attached(found.flow):
        return None
    if machine.name != attached(machine.name):
        raise NotAdoptedError(_renamed(stack, attached(machine.name)))
    return machine.name


def _renamed(stack: Stack, name: str) -> str:
    prefix = stack.config.name_prefix
    why = f"whose name_prefix is {prefix!r}" if prefix else "which has no name_prefix"
    return f"would have the name {name} in this stack, {why}"


def _wanted(machine: Machine, found: ByHand, platform: PlatformConfig) -> dict[str, Any]:
    """Key of a flow → what it has to be, so that the deployment is the same."""
    wanted = of_all_targets(found.options, found.token)
    own: dict[str, Any] = {**dict(found.options["step_functions"] or {}), "log_history": machine.logs}
    if len(found.queues) == 1 and _last(found.queues[0]) != _last(platform.queue or ""):
        own["queue"] = found.queues[0]
    wanted["step_functions"] = own
    if machine.rule is not None and not machine.rule.running:
        wanted["schedule"] = {"enabled": False}
    tags = {key: value for key, value in machine.tags.items() if not key.startswith(("aws:", f"{OWNER}:"))}
    if tags:
        wanted["aws_tags"] = tags
    return {**wanted, **of_images([job.image for job in machine.jobs])}


def _notes(machine: Machine, found: ByHand, stack: StackConfig, config: FlowConfig) -> Iterator[str]:
    """What is otherwise from then on, or has to be known."""
    platform = stack.platform
    datastore = f"s3://{platform.bucket}/{platform.prefix}"
    yield from of_runs(found.datastore, datastore, found.service_url, platform)
    if len(found.queues) > 1:
        yield f"its steps have different queues ({', '.join(map(_last, found.queues))}): those of @batch stay"
    if machine.logs:
        yield "its execution history goes to a log group of the stack's own from then on"
    roles = sorted({job.role for job in machine.jobs if job.role})
    if roles and platform.job_role is None:
        yield (
            f"its tasks have the role {', '.join(roles)}; from then on a role of the flow's own, which may do what "
            "the flow needs (`job_policies`, `reads`), unless the platform has this one as `job_role`"
        )
    fargate = {job.fargate for job in machine.jobs}
    if platform.create is None and fargate == {platform.compute != "FARGATE"}:
        runs = "FARGATE" if True in fargate else "EC2"
        yield f"its jobs run on {runs}, the platform's `compute` is {platform.compute}"
    if not config.enabled:
        yield NOT_ENABLED
    if (rule := machine.rule) is not None:
        if rule.running:
            yield f"the rule {rule.name} is turned off when the flow is taken over, and stays: the schedule is new"
        if rule.running and len(rule.inputs) > 1:
            yield f"the rule {rule.name} has {len(rule.inputs)} targets, and starts none of them from then on"
        if any(given not in (_INPUT, None) for given in rule.inputs):
            yield (
                f"the rule {rule.name} gives its runs parameters: write them into an entry of `schedules`, or into "
                "`parameters`, or they are lost"
            )


def _last(queue: str) -> str:
    """Name of a queue that may be given by its ARN."""
    return queue.rpartition("/")[2]
