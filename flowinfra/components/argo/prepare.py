"""How flows on Argo are prepared."""

from __future__ import annotations

from typing import Any

from flowinfra.components.argo.cluster import asked
from flowinfra.components.argo.plan import ArgoPlan, check
from flowinfra.components.argo.platform import KubernetesPlatform
from flowinfra.components.metadata import known_later, of_flow
from flowinfra.components.prepare import Preparation
from flowinfra.errors import ConfigError, FlowInfraError
from flowinfra.model.compiled import ArgoCompiled


def _platform(label: str, given: Any) -> KubernetesPlatform:
    if not isinstance(given, KubernetesPlatform):
        raise ConfigError(f"{label}: platform is {given!r}; give a KubernetesPlatform")
    return given


def _problems(plan: ArgoPlan, platform: KubernetesPlatform) -> list[FlowInfraError]:
    return [*platform.store.problems(plan.name)] or [*check(plan, platform.site()), *asked(plan, platform)]


ARGO = Preparation("argo", ArgoCompiled, ArgoPlan, _platform, _problems, of_flow, known_later)
