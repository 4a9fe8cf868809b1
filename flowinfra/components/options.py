"""A flow's configuration → what the compiler is asked, and whether a flow compiled elsewhere is what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowinfra.compiler import CompileRequest
from flowinfra.compiler.image_packages import is_file
from flowinfra.compiler.variables import digests
from flowinfra.errors import ConfigError
from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.options import default
from flowinfra.model.shape import CommonKeys, Metadata, Shape
from flowinfra.stack.flow import CommonStep, FlowConfig, StepConfig
from flowinfra.targets import TARGETS
from flowinfra.targets.target import Target

BUNDLE = ".flow"
"""Ending of a file that holds a compiled flow."""


@dataclass(frozen=True)
class PlatformShape:
    """The part of a platform that changes what Metaflow produces."""

    metadata: Metadata = "local"
    datastore: str = "s3"
    own: Mapping[str, Json] = field(default_factory=dict)
    """Options that not every target has; the flow's own value of one goes before."""


def compile_request(flow: FlowConfig, platform: PlatformShape, root: Path) -> CompileRequest:
    """What the compiler is asked for this flow; `root`: the folder that paths are relative to.

    Raises:
        ConfigError: the flow has a key that only a compiled one may have.
    """
    for key in ("digest", "deploy_time", "file"):
        if getattr(flow, key):
            raise ConfigError(f"{flow.flow}: {key} is for a flow that is compiled already; leave it out")
    return CompileRequest(
        flow=root / flow.flow,
        target=flow.target,
        shape=requested_shape(flow, platform),
        config_files={name: root / value for name, value in flow.configs.items() if isinstance(value, str)},
        env=flow.env,
        python=_interpreter(flow.python, root),
        image_packages=_image_packages(flow.image_packages, root),
        step_image_packages={
            name: _image_packages(step.image_packages, root)
            for name, step in flow.steps.items()
            if step.image_packages is not None
        },
        root=root,
        folder=flow.working_folder,
    )


def requested_shape(flow: FlowConfig, platform: PlatformShape) -> Shape:
    """The options that change what Metaflow produces; texts of Config files and digests of `env` are left out."""
    target = TARGETS[flow.target]
    own = {name: getattr(flow.own, name) for name in type(flow.own).model_fields if name in target.own}
    values: dict[str, Any] = {
        "metadata": platform.metadata,
        "datastore": platform.datastore,
        **platform.own,
        **{name: getattr(flow, name) for name in CommonKeys.model_fields},
        **{name: value for name, value in own.items() if value is not None},
        "python": flow.python_version or "",
        "name": flow.name,
        "decospecs": tuple(flow.with_),
        "tags": _tags(flow.tags),
        "configs": {name: value for name, value in flow.configs.items() if not isinstance(value, str)},
        "steps": {name: changes for name, step in flow.steps.items() if (changes := _changes(step, target))},
        "schedule": flow.schedule.cron,
        # where a flow has several schedules, it is that of those which name none
        "schedule_timezone": None if getattr(flow.own, "schedules", None) else flow.schedule.timezone,
        "package_root": flow.package.root,
        "package_include": tuple(flow.package.include),
        "package_exclude": tuple(flow.package.exclude),
        "package_suffixes": tuple(flow.package.suffixes),
    }
    return target.options.model_validate(values)


def _changes(step: StepConfig, target: Target) -> dict[str, Json]:
    """What a step says, without what is not compiled; the target's own keys stand beside the common ones."""
    common = step.model_dump(exclude_none=True, include=set(CommonStep.model_fields) - {"image_packages"})
    return {**common, **getattr(step, target.key).model_dump(exclude_none=True)}


def shape_problems(compiled: CompiledFlow, flow: FlowConfig, platform: PlatformShape, who: str) -> list[ConfigError]:
    """Where a flow that is compiled already is not what the stack asks for: it cannot be changed any more."""
    wanted, have = requested_shape(flow, platform), compiled.shape
    always = {"metadata", "datastore", *platform.own}
    skipped = {"configs", "env"}
    problems = []
    if not isinstance(have, type(wanted)):
        return [ConfigError(f"{who}: is compiled for {compiled.target}, this stack asks for {flow.target}")]
    for name, declared in type(wanted).model_fields.items():
        asked = getattr(wanted, name)
        unset = asked == default(declared)
        if name not in skipped and (name in always or not unset) and asked != getattr(have, name):
            problems.append(
                ConfigError(
                    f"{who}: the compiled flow was made with {_told(name, getattr(have, name))}, this stack asks for "
                    f"{_told(name, asked)}; compile it again with that, or leave it out here"
                )
            )
    if flow.digest is not None and flow.digest != compiled.digest:
        problems.append(
            ConfigError(
                f"{who}: the compiled flow has digest {compiled.digest}, this stack asks for {flow.digest}; "
                "deploy the bundle that has it, or give the digest that `flowinfra compile -o` printed"
            )
        )
    if flow.configs or flow.working_folder:
        problems.append(
            ConfigError(
                f"{who}: configs and working_folder belong to the compile; the flow is compiled already, leave them out"
            )
        )
    for name, digest in digests(flow.env).items():
        if have.env.get(name, digest) != digest:
            problems.append(
                ConfigError(
                    f"{who}: env.{name} is not what the flow was compiled with; compile it again with that, or leave "
                    "it out here"
                )
            )
    return problems


def _told(name: str, value: Any) -> str:
    return f"{'with' if name == 'decospecs' else name} = {value!r}"


def _tags(tags: list[str] | dict[str, str]) -> tuple[str, ...]:
    if isinstance(tags, dict):
        return tuple(f"{key}:{value}" for key, value in sorted(tags.items()))
    return tuple(tags)


def _interpreter(python: str | None, root: Path) -> str | None:
    """A path is relative to the project's folder, a bare command is looked for on PATH."""
    if python is None or "/" not in python:
        return python
    return str(root / python)


def _image_packages(entries: list[str], root: Path) -> tuple[str, ...]:
    """Paths of requirements files are relative to the project's folder."""
    return tuple(str(root / entry) if is_file(entry) else entry for entry in entries)


def is_bundle(flow: FlowConfig) -> bool:
    """Whether the flow is a file that `flowinfra compile -o` wrote."""
    return flow.flow.endswith(BUNDLE)
