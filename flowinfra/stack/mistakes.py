"""What pydantic says of a configuration → what is wrong, found and allowed, in flowinfra's words."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flowinfra.model.config import Config
from flowinfra.model.secrets import HIDDEN, REFERENCE_WORDS, shown
from flowinfra.stack.flow import CommonDefaults, CommonStep
from flowinfra.stack.places import Problem
from flowinfra.targets import TARGETS
from flowinfra.targets.target import Target


def mistakes(error: ValidationError, model: type[Config], component: Target | None = None) -> list[Problem]:
    """One per mistake; branches of a union that were not meant add nothing.

    Args:
        error: what pydantic says.
        model: the model that it speaks of.
        component: the target of the component whose arguments these are; None for a stack's file.
    """
    found: dict[Problem, None] = {}
    for details in error.errors(include_url=False):
        location = [part for part in details["loc"] if not _branch(part)]
        found[tuple(location), _reason(details, location, model, component)] = None
    return list(found)


def _branch(part: int | str) -> bool:
    """Pydantic names the branch of a union in the location (`list[str]`), and says that a mapping's key is meant."""
    return isinstance(part, str) and (part.startswith(("list[", "dict[")) or part in ("str", "bool", "[key]"))


def _reason(details: ErrorDetails, location: list[int | str], model: type[Config], component: Target | None) -> str:
    name = next((part for part in reversed(location) if isinstance(part, str)), "")
    found = shown(details["input"], name)
    kind = details["type"]
    if name == "service_auth_secret":
        return f"found {HIDDEN}, allowed: {REFERENCE_WORDS}"
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return _unknown(str(location[-1]), _model_at(model, location[:-1]), component)
    if kind == "literal_error":
        return f"found {found!r}, allowed: {details['ctx']['expected']}"
    if kind == "model_type":
        return f"found {found!r}, allowed: a mapping"
    reason = details["msg"]
    for words, ours in _PYDANTIC:
        reason = reason.replace(words, ours)
    if isinstance(details["input"], str) and name in _UNITS:
        reason += f" of {_UNITS[name]}, without a unit"
    return f"found {found!r}, allowed: {reason}"


_UNITS = {"cpu": "vCPUs", "disk": "MB", "memory": "MB", "shared_memory": "MiB", "tmpfs_size": "MiB"}
"""Keys of a step for which Kubernetes takes a quantity with a unit, and Metaflow a number."""

_INSTEAD = {
    ("alerts", "argo"): ", and use `notify_on_error`, `notify_on_success` or @exit_hook",
    ("alerts", "airflow"): ", and use the notifications of Airflow itself",
    **dict.fromkeys(
        (("sends", "argo"), ("sends", "airflow")),
        ", and give its tasks the right to events:PutEvents by `job_policies`",
    ),
}
"""Key of one target, and another target → what that one has."""

_PYDANTIC = (
    ("Input should be ", ""),
    ("a valid ", ""),
    ("Value error, ", ""),
    ("dictionary", "mapping"),
    ("String should have ", ""),
    ("String should match pattern ", "text that matches "),
)
"""Words of pydantic's → flowinfra's."""


def _unknown(key: str, model: type[BaseModel], component: Target | None) -> str:
    """The error for a key that `model` does not have: one of a target, or maybe a misspelt one."""
    part = "step" if issubclass(model, CommonStep) else "section" if issubclass(model, CommonDefaults) else None
    if part and (owners := [each for each in TARGETS.values() if key in getattr(each, part).model_fields]):
        alone = f"key {key!r} is for {' and '.join(each.title for each in owners)} alone"
        if component:
            instead = _INSTEAD.get((key, component.name), "")
            return f"{alone}, and this flow's target is {component.name}; leave it out{instead}"
        return f"{alone}; write it under {' or '.join(f'`{each.key}`' for each in owners)}"
    allowed = _keys(model)
    near = difflib.get_close_matches(key, allowed, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"unknown key {key!r}{hint}, allowed: {', '.join(allowed)}"


def _keys(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_at(model: type[BaseModel], location: list[int | str]) -> type[BaseModel]:
    """The model that holds the key at `location`."""
    for part in location:
        if isinstance(part, int):
            continue
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                model = _nested(field.annotation) or model
                break
    return model


def _nested(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_nested, get_args(annotation)) if found), None)
