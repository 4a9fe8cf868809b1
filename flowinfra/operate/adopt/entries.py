"""What was deployed by hand, and what a stack's file says → what the file has to say of the flow. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import normpath
from typing import Any

from flowinfra.compiler.globs import is_glob
from flowinfra.components.names import OWNER, PROJECT_TAG, STACK_TAG
from flowinfra.components.production_token import NAMESPACE
from flowinfra.model.base import Json
from flowinfra.operate.adopt.account import Job, Machine
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.parsing import merged
from flowinfra.stack.platform import PlatformConfig
from flowinfra.targets.step_functions.by_hand import ByHand

_INPUT = '{"Parameters": "{}"}'
"""What Metaflow's rule gives each run."""
_PYTHON = re.compile(r"python:(3\.[0-9]{1,2})")
_PROJECT_TOKEN = "mfprj-"  # noqa: S105
_LONG = 60
"""Characters of a @project flow's name from which on Metaflow cuts it, and adds a digest."""


class NotAdoptedError(Exception):
    """Why a state machine cannot become the stack's."""


@dataclass(frozen=True)
class Stack:
    """The stack that flows are adopted into."""

    project: str
    name: str
    label: str
    """Path of its file, from the project's folder."""
    values: Mapping[str, Json]
    """The file's own configuration: key without `flowinfra:` → value."""
    config: StackConfig
    """All of it, checked, with what it takes from a stack that it mirrors."""

    @property
    def entries(self) -> Sequence[Mapping[str, Json]]:
        """Entries of `flows`, as they are written."""
        found: Sequence[Mapping[str, Json]] = self.values.get("flows") or ()
        return found


@dataclass(frozen=True)
class Adoption:
    """What the stack's file is to say of one flow."""

    flow: str
    """Name of the state machine."""
    arn: str
    owner: str
    file: str
    """The flow's file, from the project's folder."""
    entry: int | None
    """Index of the flow's own entry; None where it gets a new one."""
    keys: Mapping[str, Json] = field(default_factory=dict)
    """What the entry has to say in addition; mappings are merged. Empty where it says all of it."""
    told: tuple[str, ...] = ()
    """What a person has to know, or to do."""


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
    index = _own_entry(stack.entries, file, wanted)
    own: Mapping[str, Json] = stack.entries[index] if index is not None else {}
    config = _config(stack, file, own, wanted)
    if config.target != "step-functions":
        raise NotAdoptedError(f"{stack.label} gives {file} the target {config.target!r}")
    if own.get("production_token", found.token) != found.token:
        raise NotAdoptedError(
            f"{stack.label} gives {file} the production_token {own['production_token']!r}, and what is deployed has "
            f"{found.token!r}: correct it, or leave it out"
        )
    keys: dict[str, Json] = {"production_token": found.token} if config.production_token != found.token else {}
    told = [f"not read back: {each}" for each in found.unread]
    for key, value in wanted.items():
        more, kept = _difference(key, value, config, own)
        keys.update(more)
        told += kept
    told += _notes(machine, found, stack.config, config)
    return Adoption(machine.name, machine.arn, found.owner, file, index, keys, tuple(told))


def _by_hand(stack: Stack, machine: Machine) -> ByHand:
    owners = (machine.tags.get(PROJECT_TAG), machine.tags.get(STACK_TAG))
    if owners == (stack.project, stack.name):
        raise NotAdoptedError("is this stack's already")
    if any(owners):
        raise NotAdoptedError(f"is that of the stack {owners[0]}/{owners[1]}: destroy it there first")
    if machine.by_hand is None:
        raise NotAdoptedError("is not one of Metaflow's: it has no owner and production token in its start state")
    return machine.by_hand


def _name(stack: Stack, machine: Machine, found: ByHand, project: str | None) -> str | None:
    """The key `name`, where the stack would call the state machine otherwise."""
    prefix = stack.config.name_prefix

    def attached(name: str) -> str:
        return name if not prefix or name.startswith(prefix) else f"{prefix}_{name}"

    if found.token.startswith(_PROJECT_TOKEN):
        production, branch = found.options.get("production"), found.options.get("branch")
        if not production and not branch:
            raise NotAdoptedError(
                "is the deployment of a person's branch of a @project flow (without --production and --branch): a "
                "stack has none of those"
            )
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
    wanted: dict[str, Any] = {key: value for key, value in found.options.items() if key != "step_functions"}
    if wanted.get("namespace") == f"{NAMESPACE}{found.token}":
        wanted["namespace"] = None  # it is the default
    own: dict[str, Any] = {**dict(found.options["step_functions"] or {}), "log_history": machine.logs}
    if len(found.queues) == 1 and _last(found.queues[0]) != _last(platform.queue or ""):
        own["queue"] = found.queues[0]
    wanted["step_functions"] = own
    if machine.rule is not None and not machine.rule.running:
        wanted["schedule"] = {"enabled": False}
    tags = {key: value for key, value in machine.tags.items() if not key.startswith(("aws:", f"{OWNER}:"))}
    if tags:
        wanted["aws_tags"] = tags
    return {**wanted, **_images(machine.jobs)}


def _images(jobs: Sequence[Job]) -> dict[str, Any]:
    """Python, or the image of all steps."""
    images = list(dict.fromkeys(job.image for job in jobs))
    pythons = [found[1] for image in images if (found := _PYTHON.fullmatch(image))]
    if len(pythons) == 1:
        return {"python_version": pythons[0]}
    return {"image": images[0]} if len(images) == 1 and not pythons else {}


def _own_entry(entries: Sequence[Mapping[str, Json]], file: str, wanted: Mapping[str, Json]) -> int | None:
    """The entry for one file that is, or may become, this deployment of it."""
    own = [
        index
        for index, entry in enumerate(entries)
        if not is_glob(str(entry["flow"])) and normpath(str(entry["flow"])) == file
    ]
    apart = [(key, wanted.get(key) or None) for key in ("name", "branch", "production")]
    same = [index for index in own if all((entries[index].get(key) or None) == value for key, value in apart)]
    open_ones = [
        index for index in own if all(key not in entries[index] or entries[index][key] == value for key, value in apart)
    ]
    return next(iter([*same, *open_ones]), None)


def _config(stack: Stack, file: str, own: Mapping[str, Json], wanted: Mapping[str, Json]) -> FlowConfig:
    """What the stack says of the flow so far."""
    if stack.config.mirrors is not None:
        theirs = [flow for flow in stack.config.flows if normpath(flow.flow) == file]
        name = wanted.get("name")
        fitting = [flow for flow in theirs if name is None or flow.name == name]
        if not fitting:
            raise NotAdoptedError(f"{file} is not a flow of the stack {stack.config.mirrors!r}, which this one mirrors")
        return fitting[0]
    resolved = [flow for flow in stack.config.flows if normpath(flow.flow) == file]
    for flow in resolved:
        # what a glob says of the file is in the flow that it gave
        said = flow.model_dump(by_alias=True, exclude_unset=True)
        same = all(said.get(key) == own.get(key, said.get(key)) for key in ("name", "branch", "production"))
        if same and (own or (len(resolved) == 1 and not _has_own(stack, file))):
            return flow
    return FlowConfig.model_validate(merged(dict(stack.values.get("defaults") or {}), {"flow": file}))


def _has_own(stack: Stack, file: str) -> bool:
    return any(normpath(str(entry["flow"])) == file for entry in stack.entries)


def _difference(
    key: str, value: Any, config: FlowConfig, own: Mapping[str, Json], path: str = ""
) -> tuple[dict[str, Json], list[str]]:
    """What the entry has to say of one key, and what it says otherwise."""
    have = getattr(config, "with_" if key == "with" else key)
    if key in ("step_functions", "schedule"):
        section = own.get(key) or {}
        more: dict[str, Json] = {}
        kept: list[str] = []
        for each, item in value.items():
            added, told = _difference(each, item, have, section if isinstance(section, Mapping) else {}, f"{key}.")
            more.update(added)
            kept += told
        return ({key: more} if more else {}), kept
    if key in ("settings", "aws_tags", "batch_tags"):
        value = {**have, **value}
    if _plain(have) == _plain(value):
        return {}, []
    if key in own:
        return {}, [f"{path}{key} is {_plain(value)!r} in what is deployed; the file says {_plain(have)!r}, and stays"]
    if value in (None, [], False):
        # what the stack's defaults say for all flows, and this one was deployed without
        return ({key: value} if value is not None else {}), [
            f"{path}{key} is {_plain(have)!r} by the stack's defaults; what is deployed has none"
        ]
    return {key: value}, []


def _plain(value: Any) -> Any:
    """Tags as a list, however they are written."""
    if isinstance(value, tuple):
        return list(value)
    return value


def _notes(machine: Machine, found: ByHand, stack: StackConfig, config: FlowConfig) -> Iterator[str]:
    """What is otherwise from then on, or has to be known."""
    platform = stack.platform
    datastore = f"s3://{platform.bucket}/{platform.prefix}"
    if found.datastore and platform.bucket and found.datastore.rstrip("/") != datastore:
        yield f"its datastore is {found.datastore}, the stack's is {datastore}: what earlier runs made stays there"
    if found.service_url != platform.service_url:
        yield (
            f"its metadata service is {found.service_url or 'none'}, the stack's `service_url` is "
            f"{platform.service_url or 'none'}: earlier runs are known to the first alone"
        )
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
        yield "`enabled: false` of the file stays: the flow is not deployed, and not taken over"
    if (rule := machine.rule) is not None:
        if len(rule.inputs) > 1:
            yield f"the rule {rule.name} has {len(rule.inputs)} targets: those of others stay, and keep it at a destroy"
        if any(given not in (_INPUT, None) for given in rule.inputs):
            yield f"the rule {rule.name} gives its runs parameters: write them into `parameters`, or they are lost"


def _last(queue: str) -> str:
    """Name of a queue that may be given by its ARN."""
    return queue.rpartition("/")[2]
