"""The outputs of a deployed flow of any target for its users: its namespace and commands. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets import TARGETS


def namespace(token: str) -> str:
    """Metaflow's namespace of the runs of this deployment."""
    return f"production:{token}"


@dataclass(frozen=True)
class FlowFile:
    """The flow's file as people run it, from the project's folder.

    Attributes:
        path: the file, from the project's folder; its name alone where nothing says where it lies.
        env: variables that the flow's module reads when it is loaded.
    """

    path: str
    env: Mapping[str, str] = field(default_factory=dict)


def authorize_command(compiled: CompiledFlow, file: FlowFile, token: str) -> str:
    """What lets a person deploy over this by hand, once."""
    written = TARGETS[compiled.target].create_arguments(compiled.name)
    return _command(compiled, file, "create", "--authorize", token, *written)


def trigger_command(compiled: CompiledFlow, file: FlowFile) -> str:
    """What starts a run by Metaflow's own means."""
    return _command(compiled, file, "trigger")


def shared_settings(flows: Iterable[CompiledFlow]) -> dict[str, str]:
    """METAFLOW_* settings of the compile that all of these flows have: a laptop needs them, too."""
    given = [set(flow.shape.settings.items()) for flow in flows]
    return dict(sorted(set.intersection(*given))) if given else {}


def _command(compiled: CompiledFlow, file: FlowFile, *words: str) -> str:
    """`VARIABLES python FILE OPTIONS COMMAND [--name …] WORDS`: it must load the same flow, and name this deployment.

    Configs are given by value, so that the command needs none of their files.
    """
    shape = compiled.shape
    variables = [f"{name}={shlex.quote(value)}" for name, value in sorted(file.env.items())]
    options = [] if shape.environment == "local" else [f"--environment={shape.environment}"]
    for config, text in shape.configs.items():
        options += ["--config-value", config, str(text)]
    if compiled.flow.project is not None:
        if shape.branch:
            options += ["--branch", shape.branch]
        if shape.production:
            options += ["--production"]
    name = ["--name", shape.name] if shape.name else []
    command = shlex.join(["python", file.path, *options, TARGETS[compiled.target].group, *name, *words])
    return " ".join([*variables, command])
