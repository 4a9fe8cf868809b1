"""The flow in human terms: what a component shows as its inputs, so that Pulumi's own diff speaks of the flow.

`pulumi preview --diff` then reads `steps.train.memory: 8192 => 16384`. Nothing here differs between machines. What
every flow has is left out of what is printed (`flowinfra.model.brief`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow, Decorator, Parameter, Step
from flowinfra.model.options import default, options
from flowinfra.model.shape import Shape
from flowinfra.targets import TARGETS

SHORT = 12
"""Characters of a digest that a person reads."""

EVALUATED = "evaluated at deploy time"
"""Stands for the value of a deploy-time parameter, which alone is never a difference."""

_KINDS_OF_PLACE = ("start", "linear", "end")
"""Kinds of a step that are seen without a word: by its name, and by the one step that is next."""


def describe(compiled: CompiledFlow, deployment: Mapping[str, Any]) -> dict[str, Any]:
    """The component's inputs: the flow, and `deployment`, what the stack adds to it (datastore, queue, tags, …).

    Keys without a value are left out, so that a diff shows what was set and not what could be.
    """
    flow, shape = compiled.flow, compiled.shape
    described = {
        "flow": flow.name,
        "file": flow.file,
        "target": compiled.target,
        "name": compiled.name,
        "project": flow.project and flow.project.model_dump(),
        "steps": {name: _step(step) for name, step in flow.steps.items()},
        "parameters": {name: _parameter(entry) for name, entry in flow.parameters.items()},
        "configs": flow.configs,
        "tags": list(flow.tags),
        "namespace": flow.namespace,
        "decorators": _decorators(flow.decorators),
        "max_workers": flow.max_workers,
        "workflow_timeout": flow.workflow_timeout,
        "source": {path: entry.sha256[:SHORT] for path, entry in compiled.package.files.items()},
        "package": compiled.package.object[:SHORT],
        "metaflow": compiled.metaflow,
        "metaflow_files": compiled.package.metaflow[:SHORT],
        "python": shape.python,
        "schedule": flow.schedule and flow.schedule.model_dump(exclude_none=True),
        "triggers": {trigger.name: trigger.parameters or True for trigger in flow.triggers},
        "starts_when": flow.starts_when,
        **_options(compiled),
        **deployment,
    }
    return {name: plain(value) for name, value in described.items() if _told(value)}


def describe_deployed(
    compiled: CompiledFlow, schedule_enabled: bool, triggers_enabled: bool, bound: Mapping[str, Any]
) -> dict[str, Any]:
    """The component's inputs in a stack; `bound`: what the stack binds, of which the flow may not need all.

    Values that are not known yet may be Outputs.
    """
    # several schedules of the stack are in place of the flow's own
    schedule, shape = None if bound.get("schedules") else compiled.flow.schedule, compiled.shape
    unused = {
        # what has come of several events is kept in the table of a foreach
        "table": "table" not in compiled.placeholders and len(compiled.flow.triggers) < 2,
        "log_retention_days": not getattr(shape, "log_history", False),
        "dead_letter_queue": not (schedule or bound.get("schedules")),
    }
    return describe(
        compiled,
        {
            "schedule": schedule and {**schedule.model_dump(exclude_none=True), "enabled": schedule_enabled},
            "triggers_off": bool(compiled.flow.triggers) and not triggers_enabled,
            **{name: value for name, value in bound.items() if not unused.get(name)},
        },
    )


def plain(value: Any) -> Any:
    """JSON-like data without what reads badly: a whole number is never `100.0`, a tuple is a list."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _told(value: Any) -> bool:
    """Whether an input is shown: Outputs and numbers always are; what is absent, off or empty is not."""
    return value is not None and value is not False and value not in ("", [], {}, ())


def _options(compiled: CompiledFlow) -> dict[str, Any]:
    """The options of the compile that the flow itself does not show: with them, every cause of a change has a name."""
    shape = compiled.shape
    packaging = {
        "root": shape.package_root,
        "include": list(shape.package_include),
        "exclude": list(shape.package_exclude),
        "suffixes": list(shape.package_suffixes),
    }
    return {
        "with": list(shape.decospecs),
        "image": shape.image,
        "metadata": None if shape.metadata == "local" else shape.metadata,
        "datastore_type": None if shape.datastore == "s3" else shape.datastore,
        "environment": None if shape.environment == "local" else shape.environment,
        "packaging": {name: value for name, value in packaging.items() if _told(value)},
        "settings": shape.settings,
        "env": {name: digest[:SHORT] for name, digest in shape.env.items()},
        "options": list(shape.extra),
        **_own(compiled),
        "overrides": dict.fromkeys(overrides(shape), True),
    }


def _own(compiled: CompiledFlow) -> dict[str, Any]:
    """Options of the target alone; one that is on where nobody says it, is `off` where somebody does."""
    target = TARGETS[compiled.target]
    chosen = {}
    for name, field, option in options(target.options):
        value, usual = getattr(compiled.shape, name), default(field)
        if name in target.own and (value != usual or option.always):
            chosen[name] = "off" if usual is True else value
    return chosen


def overrides(shape: Shape) -> list[str]:
    """Paths of what the stack sets in place of the flow's own: the values stand with the flow."""
    steps = [f"steps.{step}.{key}" for step, changes in shape.steps.items() for key in changes]
    parameters = [f"parameters.{name}" for name in shape.parameters]
    configs = [f"configs.{name}" for name in shape.configs]
    schedule = {"schedule": shape.schedule, "schedule.timezone": shape.schedule_timezone}
    return [*steps, *parameters, *configs, *(path for path, value in schedule.items() if value is not None)]


def _step(step: Step) -> dict[str, Any]:
    resources = step.resources
    described = {
        "kind": None if step.kind in _KINDS_OF_PLACE else step.kind,
        "next": ", ".join(step.next),
        "switch": step.switch and step.switch.model_dump(),
        "image": step.image,
        "queue": step.queue,
        "cpu": resources.cpu,
        "memory": resources.memory,
        "gpu": resources.gpu or None,
        **resources.extra,
        "retries": step.retries or None,
        "attempts": step.attempts if step.attempts != step.retries + 1 else None,
        "timeout": step.timeout,
        "environment": step.environment,
        "secrets": [secret.told for secret in step.secrets],
        "decorators": _decorators(step.decorators),
    }
    return {name: value for name, value in described.items() if _told(value)}


def _decorators(decorators: tuple[Decorator, ...]) -> Json:
    """Decorator → attributes; several of one name are a list."""
    grouped: dict[str, list[Json]] = {}
    for decorator in decorators:
        grouped.setdefault(decorator.name, []).append(decorator.attributes or True)
    return {name: entries[0] if len(entries) == 1 else entries for name, entries in grouped.items()}


def _parameter(entry: Parameter) -> dict[str, Json]:
    described: dict[str, Json] = {"type": entry.type}
    if entry.deploy_time:
        described["default"] = EVALUATED
    elif entry.default is not None:
        described["default"] = entry.default
    if entry.included is not None:
        described["included"] = entry.included[:SHORT]
    if entry.required:
        described["required"] = True
    return described
