"""What a deployed flow of any target tells its users: its namespace and commands. Pure."""

from __future__ import annotations

import shlex

from flowinfra.compiler.request import REQUESTS
from flowinfra.model.compiled import CompiledFlow


def namespace(token: str) -> str:
    """Metaflow's namespace of the runs of this deployment."""
    return f"production:{token}"


def authorize_command(compiled: CompiledFlow, token: str) -> str:
    """What lets a person deploy over this by hand, once."""
    file = [f"{compiled.name}.py"] if compiled.target == "airflow" else []
    return _command(compiled, "create", "--authorize", token, *file)


def trigger_command(compiled: CompiledFlow) -> str:
    """What starts a run by Metaflow's own means."""
    return _command(compiled, "trigger")


def _command(compiled: CompiledFlow, *words: str) -> str:
    """`python FILE [--branch …] COMMAND [--name …] WORDS`: it must name the same deployment."""
    shape = compiled.shape
    options = []
    if compiled.flow.project is not None:
        if shape.branch:
            options += ["--branch", shape.branch]
        if shape.production:
            options += ["--production"]
    name = ["--name", shape.name] if shape.name else []
    return shlex.join(["python", compiled.flow.file, *options, REQUESTS[compiled.target].group, *name, *words])
