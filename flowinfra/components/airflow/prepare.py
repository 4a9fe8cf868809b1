"""How flows on Airflow are prepared."""

from __future__ import annotations

from typing import Any

from flowinfra.components.airflow.plan import AirflowPlan, check
from flowinfra.components.airflow.platform import AirflowPlatform
from flowinfra.components.metadata import known_later, of_flow
from flowinfra.components.prepare import Preparation
from flowinfra.errors import ConfigError, FlowInfraError
from flowinfra.model.compiled import AirflowCompiled


def _platform(label: str, given: Any) -> AirflowPlatform:
    if not isinstance(given, AirflowPlatform):
        raise ConfigError(f"{label}: platform is {given!r}; give an AirflowPlatform")
    return given


def _problems(plan: AirflowPlan, platform: AirflowPlatform) -> list[FlowInfraError]:
    return [*platform.store.problems(plan.name)] or check(plan, platform)


AIRFLOW = Preparation("airflow", AirflowCompiled, AirflowPlan, _platform, _problems, of_flow, known_later)
