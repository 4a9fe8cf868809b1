"""What was deployed by hand, and what a stack's file says → what the file has to say of the flow. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import normpath
from typing import Any

from flowinfra.compiler.globs import is_glob
from flowinfra.components.production_token import NAMESPACE
from flowinfra.model.base import Json
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.parsing import merged
from flowinfra.stack.platform import PlatformConfig
from flowinfra.targets import TARGETS

_SECTIONS = ("schedule", *(target.key for target in TARGETS.values()))
"""Keys of a flow that have keys of their own."""
_PYTHON = re.compile(r"python:(3\.[0-9]{1,2})")
_PROJECT_TOKEN = "mfprj-"  # noqa: S105


NOT_ENABLED = "`enabled: false` of the file stays: the flow is not deployed, and not taken over"
OWN = "is this stack's already"
"""Why there is nothing to do."""


class NotAdoptedError(Exception):
    """Why a deployment cannot become the stack's."""


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
class Deployed:
    """Whose a deployment is."""

    target: str
    name: str
    place: str
    """ARN of a state machine; namespace and name of a WorkflowTemplate."""
    owner: str
    token: str
    unread: tuple[str, ...] = ()
    """What cannot be read back, in words."""


@dataclass(frozen=True)
class Adoption:
    """What the stack's file is to say of one flow."""

    flow: str
    """Name of the state machine or WorkflowTemplate."""
    arn: str
    """ARN of the state machine; namespace and name of the WorkflowTemplate."""
    owner: str
    file: str
    """The flow's file, from the project's folder."""
    entry: int | None
    """Index of the flow's own entry; None where it gets a new one."""
    keys: Mapping[str, Json] = field(default_factory=dict)
    """What the entry has to say in addition; mappings are merged. Empty where it says all of it."""
    told: tuple[str, ...] = ()
    """What a person has to know, or to do."""


def entry_of(
    stack: Stack,
    deployed: Deployed,
    file: str,
    wanted: Mapping[str, Any],
    notes: Callable[[FlowConfig], Iterable[str]],
) -> Adoption:
    """What a stack's file has to say of a flow so that it is deployed as it is.

    Args:
        stack: the stack.
        deployed: whose it is.
        file: that of the flow.
        wanted: key of a flow → what it has to be; keys of the target stand under its name.
        notes: what a person has to know, for what the file says of the flow.

    Raises:
        NotAdoptedError: the file says of that flow what does not fit.
    """
    index = _own_entry(stack.entries, file, wanted)
    own: Mapping[str, Json] = stack.entries[index] if index is not None else {}
    config = _config(stack, file, own, wanted)
    keys: dict[str, Json] = {}
    if config.target != deployed.target:
        if index is not None:
            raise NotAdoptedError(f"{stack.label} gives {file} the target {config.target!r}")
        keys["target"] = deployed.target
    if own.get("production_token", deployed.token) != deployed.token:
        raise NotAdoptedError(
            f"{stack.label} gives {file} the production_token {own['production_token']!r}, and what is deployed has "
            f"{deployed.token!r}: correct it, or leave it out"
        )
    if config.production_token != deployed.token:
        keys["production_token"] = deployed.token
    told = [f"not read back: {each}" for each in deployed.unread]
    for key, value in wanted.items():
        more, kept = _difference(key, value, config, own)
        keys.update(more)
        told += kept
    told += notes(config)
    return Adoption(deployed.name, deployed.place, deployed.owner, file, index, keys, tuple(told))


def refuse_others(found: tuple[str | None, str | None], own: tuple[str, str]) -> None:
    """Refuse what has the marks of a stack: its project and its name.

    Raises:
        NotAdoptedError: it has them.
    """
    if found == own:
        raise NotAdoptedError(OWN)
    if any(found):
        raise NotAdoptedError(f"is that of the stack {found[0]}/{found[1]}: destroy it there first")


def refuse_a_persons(token: str, options: Mapping[str, Json]) -> bool:
    """Refuse a person's branch of a @project flow; answer whether it is a @project flow.

    Raises:
        NotAdoptedError: it is that.
    """
    is_project = token.startswith(_PROJECT_TOKEN)
    if is_project and not options.get("production") and not options.get("branch"):
        raise NotAdoptedError(
            "is the deployment of a person's branch of a @project flow (without --production and --branch): a "
            "stack has none of those"
        )
    return is_project


def of_all_targets(options: Mapping[str, Json], token: str) -> dict[str, Any]:
    """The options that no target has for itself; a namespace that is the default one is none."""
    targets = {target.key for target in TARGETS.values()}
    wanted: dict[str, Any] = {key: value for key, value in options.items() if key not in targets}
    if wanted.get("namespace") == f"{NAMESPACE}{token}":
        wanted["namespace"] = None
    return wanted


def of_images(given: Iterable[str]) -> dict[str, Any]:
    """Python, or the image of all steps."""
    images = list(dict.fromkeys(given))
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
    if key in _SECTIONS:
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


def of_runs(theirs: str | None, datastore: str, service_url: str | None, platform: PlatformConfig) -> Iterator[str]:
    """What becomes of earlier runs, where datastore or metadata service are others."""
    if theirs and platform.bucket and theirs.rstrip("/") != datastore:
        yield f"its datastore is {theirs}, the stack's is {datastore}: what earlier runs made stays there"
    if service_url != platform.service_url:
        yield (
            f"its metadata service is {service_url or 'none'}, the stack's `service_url` is "
            f"{platform.service_url or 'none'}: earlier runs are known to the first alone"
        )
