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
    from flowinfra.components import (
        AirflowFlow,
        AirflowFlowArgs,
        AirflowPlatform,
        ArgoEvents,
        ArgoFlow,
        ArgoFlowArgs,
        AwsProvider,
        AzureStorage,
        DagBucket,
        DagConfigMaps,
        DagFolder,
        KubernetesPlatform,
        Platform,
        PlatformArgs,
        PodRoles,
        StepFunctionsFlow,
        StepFunctionsFlowArgs,
    )
    from flowinfra.errors import FlowInfraError
    from flowinfra.model.compiled import CompiledFlow, Shape

_HOMES = {
    "AirflowFlow": "flowinfra.components",
    "AirflowFlowArgs": "flowinfra.components",
    "AirflowPlatform": "flowinfra.components",
    "ArgoEvents": "flowinfra.components",
    "ArgoFlow": "flowinfra.components",
    "ArgoFlowArgs": "flowinfra.components",
    "AwsProvider": "flowinfra.components",
    "AzureStorage": "flowinfra.components",
    "CompileRequest": "flowinfra.compiler",
    "CompiledFlow": "flowinfra.model.compiled",
    "DagBucket": "flowinfra.components",
    "DagConfigMaps": "flowinfra.components",
    "DagFolder": "flowinfra.components",
    "FlowInfraError": "flowinfra.errors",
    "KubernetesPlatform": "flowinfra.components",
    "Platform": "flowinfra.components",
    "PlatformArgs": "flowinfra.components",
    "PodRoles": "flowinfra.components",
    "Shape": "flowinfra.model.compiled",
    "StepFunctionsFlow": "flowinfra.components",
    "StepFunctionsFlowArgs": "flowinfra.components",
    "compile_flow": "flowinfra.compiler",
    "compile_flows": "flowinfra.compiler",
    "evaluate_parameters": "flowinfra.compiler",
    "read_bundle": "flowinfra.compiler",
    "write_bundle": "flowinfra.compiler",
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
    "compile_flow",
    "compile_flows",
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
