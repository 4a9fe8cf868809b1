"""The flows of stacks, compiled: by configuration alone, without Pulumi."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowinfra.compiler import CompileRequest, compile_each, read_bundle
from flowinfra.components.options import PlatformShape, compile_request, is_bundle, shape_problems
from flowinfra.components.source import FlowSource
from flowinfra.errors import FlowInfraError, Problems, named_from
from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.shape import metadata_of
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.targets import TARGETS


@dataclass(frozen=True)
class StackFlow:
    """A flow of the stack, compiled."""

    label: str
    """What messages call it: its file."""
    config: FlowConfig
    compiled: CompiledFlow
    deploy_time: Mapping[str, Json]

    @property
    def source(self) -> FlowSource:
        """What a component takes it for."""
        return FlowSource(self.compiled, self.config, self.deploy_time)


def platform_shape(stack: StackConfig, target: str) -> PlatformShape:
    """The part of the platform that changes what Metaflow produces for a target."""
    platform = stack.platform
    return PlatformShape(metadata_of(platform.service_url), platform.datastore, TARGETS[target].of_stack(stack))


def unheard(_warning: str) -> None:
    """Drop a warning, where the stack's preview has shown it already."""


def compiled_configs(
    configs: Sequence[tuple[FlowConfig, PlatformShape]], root: Path, warn: Callable[[str], None]
) -> list[CompiledFlow]:
    """Compile flows in parallel, of any number of stacks, and read those that are compiled already.

    Args:
        configs: each flow with the shape of its stack's platform.
        root: the folder that paths are relative to.
        warn: takes what the compiles warn of.

    Raises:
        Problems: everything that is wrong with any of them.
    """
    results = each_compiled(configs, root, warn)
    if problems := [result for result in results if isinstance(result, FlowInfraError)]:
        raise Problems(problems)
    return [result for result in results if isinstance(result, CompiledFlow)]


def each_compiled(
    configs: Sequence[tuple[FlowConfig, PlatformShape]],
    root: Path,
    warn: Callable[[str], None],
    progress: Callable[[FlowConfig], None] = lambda _flow: None,
) -> list[CompiledFlow | FlowInfraError]:
    """Compile as `compiled_configs` does, with the error of a failed flow in its place.

    Args:
        configs: each flow with the shape of its stack's platform.
        root: the folder that paths are relative to.
        warn: takes what the compiles warn of.
        progress: called as each flow is compiled.
    """
    requests: dict[int, CompileRequest] = {}
    results: dict[int, CompiledFlow | FlowInfraError] = {}
    for index, (config, shape) in enumerate(configs):
        try:
            if is_bundle(config):
                results[index] = _bundle(config, shape, root)
            else:
                requests[index] = compile_request(config, shape, root)
        except FlowInfraError as error:
            results[index] = error
    asked = {id(request): configs[index][0] for index, request in requests.items()}
    made = compile_each(
        list(requests.values()), progress=lambda request, _cached: progress(asked[id(request)]), warn=warn
    )
    results.update(zip(requests, made, strict=True))
    return [results[index] for index in range(len(configs))]


def _bundle(config: FlowConfig, shape: PlatformShape, root: Path) -> CompiledFlow:
    with named_from(root):
        compiled = read_bundle(root / config.flow)
    if problems := shape_problems(compiled, config, shape, config.flow):
        raise Problems(problems)
    return compiled
