"""A mirror and what it mirrors, made ready to be compared: from configuration alone, or from the stacks' states."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flowinfra.compare.mirror import PLATFORM, Comparison, Declared, Flow, Side, compare_stacks
from flowinfra.compare.pairing import base_name
from flowinfra.compiler import read_compiled
from flowinfra.components.inputs import describe_deployed
from flowinfra.components.location import Place, azure_storage
from flowinfra.components.options import is_bundle
from flowinfra.engine.project import StackFile, stack_file
from flowinfra.engine.state import flows_in_state
from flowinfra.errors import ConfigError
from flowinfra.model.alerts import combined, given
from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow
from flowinfra.stack.compiling import compiled_configs, platform_shape, unheard
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.listing import matched
from flowinfra.stack.loading import flow_files, stored_source, stored_stack
from flowinfra.stack.mirrors import MIRRORS, Source, for_flow
from flowinfra.stack.places import NAMESPACE
from flowinfra.stack.platform import PlatformConfig
from flowinfra.targets import TARGETS
from flowinfra.targets.step_functions.timing import shown
from flowinfra.targets.step_functions.triggers import listening
from flowinfra.targets.target import Target

MADE = "[made with the stack]"
"""Stands for a name that is not known before the stack is deployed."""

_LABELS = ("labels", "annotations")
_KEYED = (
    "schedule",
    "triggers",
    "schedules",
    "parameters",
    "configs",
    "env",
    "settings",
    "package",
    "batch_tags",
    "aws_tags",
    *_LABELS,
)
_DEPTHS = {
    **dict.fromkeys(_KEYED, 2),
}
"""Key of a flow → how many keys down one thing is declared; for all others it is the key itself."""
_RUNNERS = [target.runner for target in TARGETS.values() if target.runner]
"""The platform's keys with labels and annotations of its flows."""
_PLATFORM_DEPTHS = {"create": 1, **dict.fromkeys(_RUNNERS, 2)}
"""Key of the platform → how many keys further down one thing is declared; for all others it is the key itself."""
_NAMES = ("flow", "name", "digest")
"""Keys that say which flow an entry is for."""
_TOLD_BY_FLOWS = {
    "azure",
    "bucket",
    "datastore",
    "prefix",
    "queue",
    "table",
    "compute",
    "partition",
    "service_url",
    "log_retention_days",
    "alerts",
    "dead_letter_queue",
    "events",
    "event_bus",
}
"""Keys of the platform that the inputs of flows have."""


def mirrored(root: Path, stack: str, other: str, states: tuple[bytes, bytes] | None = None) -> Comparison:
    """What differs between a mirror and the stack that it mirrors.

    Args:
        root: the project's folder.
        stack: the mirror.
        other: what it mirrors.
        states: of the mirror and the other, to compare what is deployed; None to compare what the files say.

    Raises:
        ConfigError, Problems: a mirror of itself, a stack that does not exist, or all that is wrong with a stack.
        StateError: a state that cannot be read, or of a stack that has nothing deployed.
    """
    if stack == other:
        raise ConfigError(f"{stack!r} is compared with itself; name a mirror, and the stack that it mirrors")
    file, theirs = (stack_file(root, _short(name)) for name in (stack, other))
    config = stored_stack(root, file.stack)
    chain = _chain(file, theirs.stack)
    declared = _Declarations(root, chain)
    if states is not None:
        policies = {*config.platform.job_policies, *_policies(theirs)}
        mirror, base = (
            _deployed_side(name, content, config, declared, policies, root)
            for name, content in zip((stack, other), states, strict=True)
        )
        return compare_stacks(mirror, base, declared.of_platform())
    their_config = stored_stack(root, theirs.stack)
    if not chain and _chain(theirs, file.stack):
        raise ConfigError(f"{other!r} mirrors {stack!r}, not the other way round: `flowinfra mirror {other} {stack}`")
    both = ((file, config), (theirs, their_config))
    flows = [(flow, found) for _, found in both for flow in found.flows if flow.enabled]
    compiled = compiled_configs([(flow, platform_shape(found, flow.target)) for flow, found in flows], root, unheard)
    mirror, base = (
        Side(
            each.stack,
            tuple(
                _configured_flow(flow, found.platform, made, declared)
                for (flow, owner), made in zip(flows, compiled, strict=True)
                if owner is found
            ),
            _platform(found, each),
        )
        for each, found in both
    )
    return compare_stacks(mirror, base, declared.of_platform())


def _short(stack: str) -> str:
    """The name that a stack's file has: without an organization and a project."""
    return stack.rsplit("/", 1)[-1]


def _chain(file: StackFile, other: str) -> list[Source]:
    """A mirror's own configuration and those between it and `other`; none where it does not mirror that."""
    sources: list[Source] = []
    following: Json = file.stack
    while following and following not in {source.stack for source in sources}:
        if following == other:
            return sources
        sources.append(stored_source(file.of(following)))
        following = sources[-1].values.get(MIRRORS)
    return []


class _Declarations:
    """What a mirror's own files declare."""

    def __init__(self, root: Path, chain: Sequence[Source]) -> None:
        self._chain = [
            (source, [matched(entry, partial(flow_files, root)) for entry in source.flows]) for source in chain
        ]

    def of_flow(self, config: FlowConfig | None) -> tuple[Declared, ...]:
        """What is declared for a flow: the most specific first, the stack's own before those of the stacks between."""
        return tuple(self._of_flow(config)) if config is not None else ()

    def _of_flow(self, config: FlowConfig) -> Iterator[Declared]:
        which, target = {"flow": config.flow, "name": config.name}, TARGETS[config.target]
        for source, found in self._chain:
            for index in reversed(for_flow(source.flows, found, which)):
                yield from _declared(source.places.label, f"flows[{index}]", source.flows[index], target)
            yield from _declared(source.places.label, "defaults", source.defaults, target)

    def of_platform(self) -> list[Declared] | None:
        """What the stack declares for its platform, which is never taken over; None if the stack is not a mirror."""
        if not self._chain:
            return None
        return [
            Declared(f"{source.places.label}: {NAMESPACE}{'.'.join(path)}", path)
            for source, _ in self._chain[:1]
            for key, value in (source.values.get(PLATFORM) or {}).items()
            for path in _paths((PLATFORM, key), value, _PLATFORM_DEPTHS.get(key, 0))
        ]


def _declared(label: str, where: str, entry: Mapping[str, Json], target: Target) -> Iterator[Declared]:
    """What an entry of a stack's file declares for a flow of a target."""
    for written, path in _entry_paths(entry, target):
        yield Declared(f"{label}: {NAMESPACE}{where}.{'.'.join(written)}", path)


def _entry_paths(entry: Mapping[str, Json], target: Target) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Where an entry says something, and which input of the flow that is; keys of other targets are left out."""
    others = {each.key for each in TARGETS.values()} - {target.key}
    for key, value in entry.items():
        if key == target.key:
            for name, item in value.items():
                for path in _paths((name,), item, _DEPTHS.get(name, 1) - 1):
                    yield (key, *path), path
        elif key == "steps":
            for written in dict.fromkeys(
                path if path[2:3] == (target.key,) else path[:3] for path in _paths((key,), value, 3)
            ):
                if not others.intersection(written[2:3]):
                    yield written, (*written[:2], written[-1]) if len(written) == 4 else written
        elif key not in (*_NAMES, *others):
            for path in _paths((key,), value, _DEPTHS.get(key, 1) - 1):
                yield path, path


def _paths(path: tuple[str, ...], value: Json, depth: int) -> Iterator[tuple[str, ...]]:
    if depth and isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _paths((*path, str(key)), item, depth - 1)
    else:
        yield path


def _configured_flow(
    config: FlowConfig, platform: PlatformConfig, compiled: CompiledFlow, declared: _Declarations
) -> Flow:
    made = MADE if platform.create else None
    bound: dict[str, Json] = {
        "datastore": Place(
            str(platform.bucket or made), platform.prefix, platform.datastore, azure_storage(platform)
        ).address,
        "service_url": platform.service_url,
        "aws_tags": config.aws_tags,
    }
    if compiled.target == "step-functions":
        bound |= {
            "queue": config.own.queue or platform.queue or made,
            "table": platform.table or made,
            "log_retention_days": config.own.log_retention_days or platform.log_retention_days,
            "alerts": combined(given(platform.alerts), config.own.alerts),
            "dead_letter_queue": config.own.dead_letter_queue or platform.dead_letter_queue,
            "sends": list(dict.fromkeys(config.own.sends)),
            **listening(compiled.flow, platform.events, platform.event_bus, bool(config.own.sends)),
            "schedules": shown(config.own.schedules, config.schedule.timezone, config.schedule.enabled),
        }
    runner = getattr(platform, TARGETS[compiled.target].runner or "", None)
    if compiled.target == "step-functions" or (runner and runner.pod_roles):
        bound |= {"job_policies": config.job_policies, "reads": ["*"] if config.reads == "all" else config.reads}
    if runner is not None:
        bound |= {key: {**getattr(runner, key), **getattr(config.own, key)} for key in _LABELS}
    inputs = describe_deployed(compiled, config.schedule.enabled, config.triggers.enabled, bound)
    return Flow(compiled.name, inputs, declared.of_flow(config))


def _platform(config: StackConfig, file: StackFile) -> dict[str, Json]:
    """The platform's configuration that is in no flow's inputs."""
    platform = config.platform.model_dump(mode="json", exclude_none=True)
    known = _given({key: value for key, value in platform.items() if key not in _TOLD_BY_FLOWS})
    if "create" in known:
        known["create"].pop("compute")
    for runner in _RUNNERS:
        for key in _LABELS:
            known.get(runner, {}).pop(key, None)
    return known


def _given(values: Mapping[str, Json]) -> dict[str, Json]:
    """Configuration without what means the same where it is not there: empty lists, and `webhook_auth: none`."""
    return {
        key: _given(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value != [] and (key, value) != ("webhook_auth", "none")
    }


def _policies(file: StackFile) -> Sequence[str]:
    """The managed policies of a stack's platform, where it has a file."""
    if not file.path.is_file():
        return ()
    platform = stored_source(file).values.get(PLATFORM) or {}
    return platform.get("job_policies") or ()


def _deployed_side(
    stack: str, content: bytes, config: StackConfig, declared: _Declarations, policies: set[str], root: Path
) -> Side:
    found = flows_in_state(content, stack)
    return Side(
        stack,
        tuple(
            Flow(name, _own_policies(inputs, policies), declared.of_flow(_config_of(inputs, config.flows, root)))
            for name, inputs in found.items()
        ),
        {},
    )


def _own_policies(inputs: Mapping[str, Json], policies: set[str]) -> dict[str, Json]:
    """Inputs without the managed policies of the platform, which is where a stack lives."""
    own = [policy for policy in inputs.get("job_policies") or () if policy not in policies]
    kept = {key: value for key, value in inputs.items() if key != "job_policies"}
    return {**kept, "job_policies": own} if own else kept


def _config_of(inputs: Mapping[str, Any], configs: Sequence[FlowConfig], root: Path) -> FlowConfig | None:
    """The mirror's configuration of a flow that is deployed, by its class, file and name."""
    fitting = [config for config in configs if _is_of(config, str(inputs.get("flow")), str(inputs.get("file")), root)]
    base = base_name(str(inputs.get("name")), inputs)
    named = [config for config in fitting if config.name == base]
    return next(iter([*named, *(config for config in fitting if config.name is None)]), None)


def _is_of(config: FlowConfig, flow: str, file: str, root: Path) -> bool:
    path = root / config.flow
    if is_bundle(config) and path.is_file():
        compiled = read_compiled(path).flow
        return (compiled.name, compiled.file) == (flow, file)
    if path.name != file:
        return False
    try:
        # several folders may have a file of this name
        return re.search(rf"^class {re.escape(flow)}\b", path.read_text(encoding="utf-8"), re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return True
