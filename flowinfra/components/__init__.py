"""Pulumi component resources, one per file, with the pure helpers that derive their arguments.

Names are imported when they are first used, so that the pure helpers do not load Pulumi.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowinfra.components.airflow.flow import AirflowFlow, AirflowFlowArgs
    from flowinfra.components.airflow.platform import AirflowPlatform, DagBucket, DagConfigMaps, DagFolder
    from flowinfra.components.argo.flow import ArgoFlow, ArgoFlowArgs
    from flowinfra.components.argo.platform import ArgoEvents, KubernetesPlatform
    from flowinfra.components.place import AzureStorage
    from flowinfra.components.platform import Platform, PlatformArgs, PlatformSettings
    from flowinfra.components.pod_roles import PodRoles
    from flowinfra.components.step_functions.flow import StepFunctionsFlow, StepFunctionsFlowArgs
    from flowinfra.components.step_functions.machine import AwsProvider

_HOMES = {
    "AirflowFlow": "airflow.flow",
    "AirflowFlowArgs": "airflow.flow",
    "AirflowPlatform": "airflow.platform",
    "ArgoEvents": "argo.platform",
    "ArgoFlow": "argo.flow",
    "ArgoFlowArgs": "argo.flow",
    "AwsProvider": "step_functions.machine",
    "AzureStorage": "place",
    "DagBucket": "airflow.platform",
    "DagConfigMaps": "airflow.platform",
    "DagFolder": "airflow.platform",
    "KubernetesPlatform": "argo.platform",
    "Platform": "platform",
    "PlatformArgs": "platform",
    "PlatformSettings": "platform",
    "PodRoles": "pod_roles",
    "StepFunctionsFlow": "step_functions.flow",
    "StepFunctionsFlowArgs": "step_functions.flow",
}

__all__ = [
    "AirflowFlow",
    "AirflowFlowArgs",
    "AirflowPlatform",
    "ArgoEvents",
    "ArgoFlow",
    "ArgoFlowArgs",
    "AwsProvider",
    "AzureStorage",
    "DagBucket",
    "DagConfigMaps",
    "DagFolder",
    "KubernetesPlatform",
    "Platform",
    "PlatformArgs",
    "PlatformSettings",
    "PodRoles",
    "StepFunctionsFlow",
    "StepFunctionsFlowArgs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
