"""A component's arguments → a plan that is compiled and checked. Nothing of Pulumi's engine is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowinfra.compiler import CompileRequest, compile_flow, evaluate_parameters, read_bundle
from flowinfra.components.binding import deploy_time_parameters
from flowinfra.components.deploy_time import Deployer
from flowinfra.components.names import Names
from flowinfra.components.options import PlatformShape, compile_request, is_bundle, shape_problems
from flowinfra.components.plan import FlowPlan, check
from flowinfra.components.platform import Platform, PlatformSettings
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.model.compiled import CompiledFlow, Json, StepFunctionsCompiled
from flowinfra.model.stack import FlowConfig, parse_flow


@dataclass(frozen=True)
class PreparedFlow:
    """A flow that is compiled and checked, ready to become resources."""

    plan: FlowPlan
    settings: PlatformSettings
    schedule_enabled: bool


@dataclass(frozen=True)
class Deployment:
    """Which stack a flow is deployed to."""

    project: str
    stack: str
    root: Path
    """Folder that the paths of flows are relative to."""


def prepare(label: str, args: Mapping[str, Any], deployment: Deployment) -> PreparedFlow:
    """Compile the flow where it is not, and check all of it.

    Raises:
        FlowInfraError: with everything that is wrong (`Problems` where there is more than one).
    """
    values = dict(args)
    settings = _settings(label, values.pop("platform", None))
    source = flow_source(label, values, settings.shape, deployment)
    return planned(label, source.compiled, source.config, settings, deployment, source.parameters)


@dataclass(frozen=True)
class FlowSource:
    """A component's flow, compiled, and what its other arguments say."""

    compiled: CompiledFlow
    config: FlowConfig
    parameters: Mapping[str, Json]
    """Values of deploy-time parameters."""


def flow_source(label: str, args: Mapping[str, Any], shape: PlatformShape, deployment: Deployment) -> FlowSource:
    """Compile a component's flow where it is not compiled yet.

    Args:
        label: what messages call the component.
        args: its arguments, without the platform.
        shape: what of the platform changes what Metaflow produces.
        deployment: where it goes.

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
        compiled = flow if isinstance(flow, CompiledFlow) else read_bundle(deployment.root / config.flow)
        problems: list[Exception] = list(shape_problems(compiled, config, shape, label))
        if problems:
            raise Problems(problems)
        return FlowSource(compiled, config, dict(given or {}))
    if given is not None:
        raise ConfigError(f"{label}: deploy_time is for a flow that is compiled already; leave it out")
    request = compile_request(config, shape, deployment.root)
    compiled = compile_flow(request)
    return FlowSource(compiled, config, deploy_time_values(request, compiled))


def deploy_time_values(request: CompileRequest, compiled: CompiledFlow) -> dict[str, Json]:
    """Values of the flow's deploy-time parameters, evaluated for whoever deploys; nothing runs where it has none."""
    if not deploy_time_parameters(compiled):
        return {}
    deployer = Deployer.from_environment()
    return evaluate_parameters(request, deployer.user, deployer.branch, deployer.now)


def planned(
    label: str,
    compiled: CompiledFlow,
    config: FlowConfig,
    settings: PlatformSettings,
    deployment: Deployment,
    parameters: Mapping[str, Json],
) -> PreparedFlow:
    """The plan of a compiled flow, checked."""
    if not isinstance(compiled, StepFunctionsCompiled):
        raise ConfigError(f"{label}: is compiled for {compiled.target}, this is a component for step-functions")
    settings = replace(
        settings,
        queue=settings.queue if config.queue is None else config.queue,
        name_prefix=config.name_prefix or settings.name_prefix,
        log_retention_days=config.log_retention_days or settings.log_retention_days,
    )
    if config.job_policies and settings.job_role is not None:
        raise ConfigError(
            f"{label}: job_policies are for a role of the flow's own; the platform brings job_role, attach them there"
        )
    plan = FlowPlan(
        compiled=compiled,
        names=Names(deployment.project, deployment.stack, compiled.name),
        aws_tags=config.aws_tags,
        job_policies=tuple(dict.fromkeys((*settings.job_policies, *config.job_policies))),
        parameters=parameters,
    )
    problems: list[FlowInfraError] = check(plan, settings.site())
    if problems:
        raise Problems(problems)
    return PreparedFlow(plan, settings, config.schedule.enabled)


def _settings(label: str, platform: Any) -> PlatformSettings:
    if isinstance(platform, Platform):
        return platform.settings
    if isinstance(platform, PlatformSettings):
        return platform
    raise ConfigError(
        f"{label}: platform is {platform!r}; give Platform.existing(…) for what is there already, or a Platform"
    )
