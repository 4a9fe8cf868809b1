"""An ArgoFlow's arguments → a plan that is compiled and checked. Nothing of Pulumi's engine is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.components.argo.cluster import asked
from flowinfra.components.argo.plan import ArgoPlan, check
from flowinfra.components.argo.platform import KubernetesPlatform
from flowinfra.components.names import Names
from flowinfra.components.source import Deployment, flow_source, foreign_keys
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.model.compiled import ArgoCompiled, CompiledFlow, Json
from flowinfra.model.stack import FlowConfig

TARGET = "argo"


@dataclass(frozen=True)
class PreparedArgoFlow:
    """A flow that is compiled and checked, ready to become resources."""

    plan: ArgoPlan
    platform: KubernetesPlatform


def prepare(label: str, args: Mapping[str, Any], deployment: Deployment) -> PreparedArgoFlow:
    """Compile the flow where it is not, and check all of it.

    Raises:
        FlowInfraError: with everything that is wrong (`Problems` where there is more than one).
    """
    values = {"target": TARGET, **args}
    platform = values.pop("platform", None)
    if not isinstance(platform, KubernetesPlatform):
        raise ConfigError(f"{label}: platform is {platform!r}; give a KubernetesPlatform")
    source = flow_source(label, values, platform.shape, deployment)
    return planned(label, source.compiled, source.config, platform, deployment, source.parameters)


def planned(
    label: str,
    compiled: CompiledFlow,
    config: FlowConfig,
    platform: KubernetesPlatform,
    deployment: Deployment,
    parameters: Mapping[str, Json],
) -> PreparedArgoFlow:
    """The plan of a compiled flow, checked."""
    if not isinstance(compiled, ArgoCompiled):
        raise ConfigError(f"{label}: is compiled for {compiled.target}, this is a component for {TARGET}")
    plan = ArgoPlan(
        compiled=compiled,
        names=Names(deployment.project, deployment.stack, compiled.name),
        aws_tags=config.aws_tags,
        parameters=parameters,
        schedule_enabled=config.schedule.enabled,
    )
    problems: list[FlowInfraError] = list(foreign_keys(label, config, TARGET))
    problems += [*platform.store.problems(plan.name)] or check(plan, platform.site()) or asked(plan, platform)
    if problems:
        raise Problems(problems)
    return PreparedArgoFlow(plan, platform)
