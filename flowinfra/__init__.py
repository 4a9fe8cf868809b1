"""Metaflow flows as declarative infrastructure.

Compile a flow to data (`compile_flow`) and deploy it with Pulumi component resources (`StepFunctionsFlow`, `ArgoFlow`,
`AirflowFlow`).
Names are imported when they are first used, so that compiling does not load Pulumi.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowinfra.compiler import (
        CompileRequest,
        compile_flow,
        compile_flows,
        evaluate_parameters,
        read_bundle,
        write_bundle,
    )
    from flowinfra.components.location import AzureStorage
    from flowinfra.components.platform import Platform, PlatformArgs
    from flowinfra.components.pod_roles import PodRoles
    from flowinfra.errors import FlowInfraError
    from flowinfra.model.compiled import CompiledFlow
    from flowinfra.model.shape import Shape
    from flowinfra.program.deploy import deploy
    from flowinfra.targets.airflow.component import AirflowFlow, AirflowFlowArgs
    from flowinfra.targets.airflow.options import AirflowOptions
    from flowinfra.targets.airflow.platform import AirflowPlatform, DagBucket, DagConfigMaps, DagFolder
    from flowinfra.targets.argo.component import ArgoFlow, ArgoFlowArgs
    from flowinfra.targets.argo.options import ArgoOptions
    from flowinfra.targets.argo.platform import ArgoEvents, KubernetesPlatform
    from flowinfra.targets.step_functions.component import StepFunctionsFlow, StepFunctionsFlowArgs
    from flowinfra.targets.step_functions.machine import AwsProvider
    from flowinfra.targets.step_functions.options import StepFunctionsOptions

_HOMES = {
    "AirflowFlow": "flowinfra.targets.airflow.component",
    "AirflowFlowArgs": "flowinfra.targets.airflow.component",
    "AirflowOptions": "flowinfra.targets.airflow.options",
    "AirflowPlatform": "flowinfra.targets.airflow.platform",
    "ArgoEvents": "flowinfra.targets.argo.platform",
    "ArgoFlow": "flowinfra.targets.argo.component",
    "ArgoFlowArgs": "flowinfra.targets.argo.component",
    "ArgoOptions": "flowinfra.targets.argo.options",
    "AwsProvider": "flowinfra.targets.step_functions.machine",
    "AzureStorage": "flowinfra.components.location",
    "CompileRequest": "flowinfra.compiler",
    "CompiledFlow": "flowinfra.model.compiled",
    "DagBucket": "flowinfra.targets.airflow.platform",
    "DagConfigMaps": "flowinfra.targets.airflow.platform",
    "DagFolder": "flowinfra.targets.airflow.platform",
    "FlowInfraError": "flowinfra.errors",
    "KubernetesPlatform": "flowinfra.targets.argo.platform",
    "Platform": "flowinfra.components.platform",
    "PlatformArgs": "flowinfra.components.platform",
    "PodRoles": "flowinfra.components.pod_roles",
    "Shape": "flowinfra.model.shape",
    "StepFunctionsFlow": "flowinfra.targets.step_functions.component",
    "StepFunctionsFlowArgs": "flowinfra.targets.step_functions.component",
    "StepFunctionsOptions": "flowinfra.targets.step_functions.options",
    "compile_flow": "flowinfra.compiler",
    "compile_flows": "flowinfra.compiler",
    "deploy": "flowinfra.program.deploy",
    "evaluate_parameters": "flowinfra.compiler",
    "read_bundle": "flowinfra.compiler",
    "write_bundle": "flowinfra.compiler",
}

__all__ = [
    "AirflowFlow",
    "AirflowFlowArgs",
    "AirflowOptions",
    "AirflowPlatform",
    "ArgoEvents",
    "ArgoFlow",
    "ArgoFlowArgs",
    "ArgoOptions",
    "AwsProvider",
    "AzureStorage",
    "CompileRequest",
    "CompiledFlow",
    "DagBucket",
    "DagConfigMaps",
    "DagFolder",
    "FlowInfraError",
    "KubernetesPlatform",
    "Platform",
    "PlatformArgs",
    "PodRoles",
    "Shape",
    "StepFunctionsFlow",
    "StepFunctionsFlowArgs",
    "StepFunctionsOptions",
    "compile_flow",
    "compile_flows",
    "deploy",
    "evaluate_parameters",
    "read_bundle",
    "write_bundle",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
