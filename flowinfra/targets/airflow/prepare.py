"""How flows on Airflow are prepared."""

from __future__ import annotations

from typing import Any

from flowinfra.components.labels import known_later, of_flow
from flowinfra.components.later import Later
from flowinfra.components.pod_identity import roles_later, with_roles
from flowinfra.components.pod_roles import role_problems
from flowinfra.components.prepare import Preparation
from flowinfra.errors import ConfigError, FlowInfraError
from flowinfra.stack.flow import FlowConfig
from flowinfra.targets.airflow.compiled import AirflowCompiled
from flowinfra.targets.airflow.plan import AirflowPlan, check
from flowinfra.targets.airflow.platform import AirflowPlatform


def _platform(label: str, given: Any) -> AirflowPlatform:
    if not isinstance(given, AirflowPlatform):
        raise ConfigError(f"{label}: platform is {given!r}; give an AirflowPlatform")
    return given


def _problems(plan: AirflowPlan, platform: AirflowPlatform) -> list[FlowInfraError]:
    given = platform.service_account
    for_all = {"service_account": None if given == "default" else given}
    roles = role_problems(plan, platform, platform.site(), for_all)
    return [*platform.store.problems(plan.name), *roles] or check(plan, platform)


def _adapted(label: str, config: FlowConfig, platform: AirflowPlatform) -> AirflowPlatform:
    return with_roles(label, config, of_flow(label, config, platform))


def _late(platform: AirflowPlatform, later: Later) -> AirflowPlatform:
    return roles_later(known_later(platform, later), later)


AIRFLOW = Preparation("airflow", AirflowCompiled, AirflowPlan, _platform, _problems, _adapted, _late)
