"""How flows on Argo are prepared."""

from __future__ import annotations

from typing import Any

from flowinfra.components.labels import known_later, of_flow
from flowinfra.components.later import Later
from flowinfra.components.pod_identity import roles_later, with_roles
from flowinfra.components.pod_roles import role_problems
from flowinfra.components.prepare import Preparation
from flowinfra.errors import ConfigError, FlowInfraError
from flowinfra.stack.flow import FlowConfig
from flowinfra.targets.argo.cluster import asked
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.plan import ArgoPlan, check
from flowinfra.targets.argo.platform import KubernetesPlatform


def _platform(label: str, given: Any) -> KubernetesPlatform:
    if not isinstance(given, KubernetesPlatform):
        raise ConfigError(f"{label}: platform is {given!r}; give a KubernetesPlatform")
    return given


def _problems(plan: ArgoPlan, platform: KubernetesPlatform) -> list[FlowInfraError]:
    site, for_all = platform.site(), {"service_account": platform.service_account, "pod_role": platform.pod_role}
    return [*platform.store.problems(plan.name), *role_problems(plan, platform, site, for_all)] or [
        *check(plan, site),
        *asked(plan, platform),
    ]


def _adapted(label: str, config: FlowConfig, platform: KubernetesPlatform) -> KubernetesPlatform:
    return with_roles(label, config, of_flow(label, config, platform))


def _late(platform: KubernetesPlatform, later: Later) -> KubernetesPlatform:
    return roles_later(known_later(platform, later), later)


ARGO = Preparation("argo", ArgoCompiled, ArgoPlan, _platform, _problems, _adapted, _late)
