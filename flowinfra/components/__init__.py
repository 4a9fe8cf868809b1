"""Pulumi component resources, one per file, with the pure helpers that derive their arguments."""

from flowinfra.components.platform import Platform, PlatformArgs
from flowinfra.components.step_functions_flow import StepFunctionsFlow, StepFunctionsFlowArgs

__all__ = ["Platform", "PlatformArgs", "StepFunctionsFlow", "StepFunctionsFlowArgs"]
