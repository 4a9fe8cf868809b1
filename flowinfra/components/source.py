"""A component's flow, compiled, and where it goes. Nothing of Pulumi's engine is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowinfra.compiler import CompileRequest, compile_flow, evaluate_parameters, read_bundle, unreviewed_files
from flowinfra.components.binding import deploy_time_parameters
from flowinfra.components.deploy_time import Deployer
from flowinfra.components.options import PlatformShape, compile_request, is_bundle, shape_problems
from flowinfra.components.outputs import FlowFile
from flowinfra.errors import ConfigError, Problems, named_from
from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.parsing import parse_flow


@dataclass(frozen=True)
class Deployment:
    """Which stack a flow is deployed to."""

    project: str
    stack: str
    root: Path
    """Folder that the paths of flows are relative to."""
    asks: bool = True
    """False: a cluster is not asked what it has; flows are checked ahead, where nothing of it is known."""


@dataclass(frozen=True)
class FlowSource:
    """A component's flow, compiled, and what its other arguments say."""

    compiled: CompiledFlow
    config: FlowConfig
    parameters: Mapping[str, Json]
    """Values of deploy-time parameters."""

    @property
    def file(self) -> FlowFile:
        """The flow's file as people run it; the variables are those that the compiled flow was made with."""
        config, read = self.config, self.compiled.shape.env
        path = config.file or (self.compiled.flow.file if is_bundle(config) else config.flow)
        return FlowFile(path, {name: value for name, value in config.env.items() if name in read})


def flow_source(
    label: str, args: Mapping[str, Any], shape: PlatformShape, deployment: Deployment, warn: Callable[[str], None]
) -> FlowSource:
    """Take a component's compiled flow, or compile its file.

    Args:
        label: what messages call the component.
        args: its arguments, without the platform.
        shape: the part of the platform that changes what Metaflow produces.
        deployment: where it goes.
        warn: takes what the compile warns of.

    Raises:
        FlowInfraError: with everything that is wrong (`Problems` where there is more than one).
    """
    values = dict(args)
    given: Mapping[str, Json] | None = values.pop("deploy_time", None)
    flow = values.get("flow")
    if isinstance(flow, CompiledFlow):
        values["flow"] = flow.flow.file
    config = parse_flow(values, label)
    if isinstance(flow, CompiledFlow) or is_bundle(config):
        with named_from(deployment.root):
            compiled = flow if isinstance(flow, CompiledFlow) else read_bundle(deployment.root / config.flow)
        problems: list[ConfigError] = list(shape_problems(compiled, config, shape, label))
        if problems:
            raise Problems(problems)
        return FlowSource(compiled, config, dict(given or {}))
    if given is not None:
        raise ConfigError(f"{label}: deploy_time is for a flow that is compiled already; leave it out")
    request = compile_request(config, shape, deployment.root)
    compiled = compile_flow(request, warn)
    for words in unreviewed_files([(compiled, request)])[0]:
        warn(f"{label}: {words}")
    return FlowSource(compiled, config, deploy_time_values(request, compiled))


def deploy_time_values(request: CompileRequest, compiled: CompiledFlow) -> dict[str, Json]:
    """Values of the flow's deploy-time parameters, evaluated for whoever deploys; nothing runs where it has none."""
    if not deploy_time_parameters(compiled):
        return {}
    deployer = Deployer.from_environment()
    return evaluate_parameters(request, deployer.user, deployer.branch, deployer.now)
