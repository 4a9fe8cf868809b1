"""A component's arguments → a plan that is compiled and checked. Nothing of Pulumi's engine is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flowinfra.components.names import Names
from flowinfra.components.platform import Platform, PlatformSettings
from flowinfra.components.source import Deployment, flow_source
from flowinfra.components.step_functions.plan import FlowPlan, check
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.model.compiled import CompiledFlow, Json, StepFunctionsCompiled
from flowinfra.model.stack import FlowConfig


@dataclass(frozen=True)
class PreparedFlow:
    """A flow that is compiled and checked, ready to become resources."""

    plan: FlowPlan
    settings: PlatformSettings
    schedule_enabled: bool


def prepare(label: str, args: Mapping[str, Any], deployment: Deployment) -> PreparedFlow:
    """Compile the flow where it is not, and check all of it.

    Raises:
        FlowInfraError: with everything that is wrong (`Problems` where there is more than one).
    """
    values = dict(args)
    settings = _settings(label, values.pop("platform", None))
    source = flow_source(label, values, settings.shape, deployment)
    return planned(label, source.compiled, source.config, settings, deployment, source.parameters)


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
