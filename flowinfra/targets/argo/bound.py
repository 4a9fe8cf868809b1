"""A flow for Argo with a stack's identity in it: the Kubernetes objects that are deployed, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flowinfra.components.binding import PARAMETER, filled
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.compiled import MARK
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.texts import in_json


@dataclass(frozen=True)
class ArgoBound:
    """A compiled flow with a stack's identity in it."""

    workflow_template: dict[str, Json]
    cron_workflow: dict[str, Json] | None = None
    sensor: dict[str, Json] | None = None


def bind(
    compiled: ArgoCompiled, identity: Mapping[str, str], parameters: Mapping[str, Json] | None = None
) -> ArgoBound:
    """Put `identity` (placeholder name without its mark → value) and deploy-time `parameters` into the flow.

    Raises `Problems` with every value that is missing or breaks its grammar, and every stray placeholder.
    """
    target = filled(compiled, identity, parameters)["argo"]
    values = {name: _argument(compiled, name, value) for name, value in (parameters or {}).items()}
    if values:
        target = _with_parameters(target, values)
    return ArgoBound(target["workflow_template"], target["cron_workflow"], target["sensor"])


def _argument(compiled: ArgoCompiled, name: str, value: Json) -> str:
    """A parameter's value as Metaflow gives it to Argo: JSON text, and of a JSON parameter the text of that text."""
    if value is not None and compiled.flow.parameters[name].type == "JSON" and not isinstance(value, str):
        value = canonical_json(value)
    return canonical_json(value)


def _with_parameters(value: Json, arguments: Mapping[str, str]) -> Json:
    """`value` with the arguments of deploy-time parameters in place of their placeholders.

    A placeholder is a whole string, or one inside a string that is JSON (an annotation): it is parsed and dumped, so
    that any value is safe.
    """
    if isinstance(value, dict):
        return {key: _with_parameters(item, arguments) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_parameters(item, arguments) for item in value]
    if not isinstance(value, str) or MARK + PARAMETER not in value:
        return value
    for name, argument in arguments.items():
        if value == canonical_json(MARK + PARAMETER + name):
            return in_json(argument)
    return in_json(canonical_json(_with_parameters(json.loads(value), arguments)))
