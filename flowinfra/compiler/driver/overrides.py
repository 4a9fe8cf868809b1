"""An environment's own parameters, schedule and step settings, put into the flow."""

from __future__ import annotations

import inspect
import json
from typing import Any

from .internals import class_parameters, internals
from .refusal import Refusal


def apply_overrides(flow_class: Any, request: dict[str, Any], compute: str) -> None:
    """An environment's own parameters, schedule and step settings, by Metaflow's mutator API and Parameter fields."""
    parameter_type = internals("metaflow.parameters").Parameter
    mutable_flow = internals("metaflow.user_decorators.mutable_flow").MutableFlow
    mutable_step = internals("metaflow.user_decorators.mutable_step").MutableStep

    origin = {"pre_mutate": True, "statically_defined": True, "inserted_by": ["flowinfra"]}
    found = {p.name: p for _, p in class_parameters(flow_class, parameter_type) if not p.IS_CONFIG_PARAMETER}
    for name, value in request["parameters"].items():
        if name not in found:
            raise Refusal("unknown-parameter", json.dumps({"name": name, "known": sorted(found)}))
        found[name]._override_kwargs["default"] = typed_default(found[name], value)
    mutable = mutable_flow(flow_class, **origin)
    override_schedule(mutable, request["schedule"], request["timezone"], request["target"])
    steps = {name: step for name, step in inspect.getmembers(flow_class, callable) if hasattr(step, "is_step")}
    for name, changes in request["steps"].items():
        if name not in steps:
            raise Refusal("unknown-step", json.dumps({"name": name, "known": sorted(steps)}))
        mutable = mutable_step(flow_class, steps[name], **origin)
        override_step(mutable, steps[name], changes, compute, request["with"])


def override_schedule(mutable: Any, cron: str | None, timezone: str | None, target: str) -> None:
    """Set cron (`off` for no schedule) and timezone of the flow's @schedule; a cron makes one where there is none."""
    own = [spec[-1] for spec in mutable.decorator_specs if spec[0] == "schedule"]
    if not cron and not (timezone and own):
        return
    # removed first: Metaflow's own OVERRIDE leaves the old decorator in front of the new one
    mutable.remove_decorator("schedule")
    if cron == "off":
        return
    given = {name: value for name, value in (("cron", cron), ("timezone", timezone)) if value}
    kept = own[0] if own else {}
    if cron:
        # Argo alone has timezones; elsewhere a cron of the environment is in the orchestrator's own
        kept = {"timezone": kept["timezone"]} if kept and target == "argo" else {}
    mutable.add_decorator("schedule", deco_kwargs={**kept, **given})


def typed_default(parameter: Any, value: Any) -> Any:
    """`value` as the parameter's type takes it, or a refusal that names both."""
    kind = parameter._override_kwargs.get("type") or type(parameter._override_kwargs.get("default"))
    fits = {
        bool: lambda v: isinstance(v, bool),
        int: lambda v: isinstance(v, int) and not isinstance(v, bool),
        float: lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
        str: lambda v: isinstance(v, str),
    }.get(kind)
    if fits is not None and not fits(value):
        detail = {"name": parameter.name, "type": kind.__name__, "value": value}
        raise Refusal("parameter-type", json.dumps(detail))
    if kind is float:
        return float(value)
    if getattr(kind, "name", None) == "JSON" and not isinstance(value, str):
        return json.dumps(value, sort_keys=True)
    return value


STEP_OVERRIDES = {
    "cpu": ("resources", "cpu"),
    "gpu": ("resources", "gpu"),
    "memory": ("resources", "memory"),
    "retries": ("retry", "times"),
    "timeout": ("timeout", "seconds"),
    "environment": ("environment", "vars"),
}
"""Override of a step → decorator and attribute; all others are attributes of the target's compute decorator."""


def override_step(mutable: Any, step: Any, changes: dict[str, Any], compute: str, specs: list[str]) -> None:
    """Set attributes of a step's decorators, adding a decorator where there is none.

    `specs`: of `--with`, which leaves alone a step that has such a decorator, so one that is added here begins as it.
    """
    present = {decorator.name: decorator for decorator in step.decorators}
    coming = _from_options([spec for spec in specs if spec.split(":")[0] not in present], compute)
    known = {**coming, **present}
    wanted: dict[str, dict[str, Any]] = {}
    for option, value in changes.items():
        name, attribute = STEP_OVERRIDES.get(option, (compute, option))
        if option == "timeout" and "timeout" in known:
            if "timeout" in present:
                _check_shorter(step, present["timeout"], value)
            known["timeout"].attributes.update(minutes=0, hours=0)
        if option == "environment" and "environment" in known:
            value = {**known["environment"].attributes["vars"], **value}
        wanted.setdefault(name, {})[attribute] = value
        # Metaflow takes the larger of @resources and what the compute decorator says
        if name == "resources" and compute in known:
            wanted.setdefault(compute, {})[attribute] = value
    for name, attributes in wanted.items():
        kept = {}
        if name in known:
            own = known[name]
            kept = {key: own.attributes[key] for key in own.attributes if own.attributes[key] != own.defaults.get(key)}
        mutable.add_decorator(name, deco_kwargs={**kept, **attributes}, duplicates=mutable.OVERRIDE)
        if name == compute and name not in present:
            _name_in_command(step, name)


def _from_options(specs: list[str], compute: str) -> dict[str, Any]:
    """Name → decorator, of those that `--with` would give a step and that an override may be of."""
    made = internals("metaflow.decorators").extract_step_decorator_from_decospec
    names = {compute, *(name for name, _ in STEP_OVERRIDES.values())}
    return {spec.split(":")[0]: made(spec)[0] for spec in reversed(specs) if spec.split(":")[0] in names}


def _name_in_command(step: Any, name: str) -> None:
    """Have the step's command say `--with` a compute decorator that the flow's file does not have.

    Tasks need it: it saves their metadata, and their logs while they run.
    """
    [added] = [decorator for decorator in step.decorators if decorator.name == name]
    added.statically_defined, added.inserted_by = False, None


def _check_shorter(step: Any, decorator: Any, seconds: int) -> None:
    own = decorator.attributes
    limit = own.get("seconds", 0) + 60 * own.get("minutes", 0) + 3600 * own.get("hours", 0)
    if seconds > limit:
        detail = {"step": step.__name__, "limit": limit, "wanted": seconds}
        raise Refusal("timeout", json.dumps(detail))
