"""Variables of the environment that a flow's code reads: what its compile saw, and what its tasks will see. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.compiler.request import CompileRequest
from flowinfra.model.compiled import CompiledFlow, Step
from flowinfra.model.secrets import HIDDEN, looks_secret

_UNSEEN = re.compile(r"TZ|LANG|LANGUAGE|LC_\w*|LD_\w*|PYTHON\w*")
"""Names that the interpreter and the C library read without the flow's process telling."""
_OF_TASKS = re.compile(r"(AIRFLOW|ARGO|AWS_BATCH|AWS_CONTAINER|AWS_EXECUTION|ECS|KUBERNETES|METAFLOW)_\w*")
"""Names that tell code where it runs: a task has them, a compile never."""


@dataclass(frozen=True)
class Variables:
    """What a compile read of its environment, as the child reports it; kept in the cache beside the result."""

    names: tuple[str, ...] = ()
    """Read by anybody, whether they were set or not."""
    all: bool = False
    """All were looked through."""
    asked: tuple[Mapping[str, Any], ...] = ()
    """Reads of the flow's own code: name, file, line, how (`item`, `get`, `in`), default, set, sure."""
    looped: tuple[Mapping[str, Any], ...] = ()
    """Where the flow's own code looks through all variables: file and line."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Variables:
        """Read the child's report, or what `dataclasses.asdict` made."""
        return cls(tuple(data["names"]), data["all"], tuple(data["asked"]), tuple(data["looped"]))

    def declared(self, request: CompileRequest) -> dict[str, str]:
        """Variables of the request's `env` that can have made a difference → digest of the value."""
        return {
            name: digest
            for name, digest in digests(request.env).items()
            if self.all or name in self.names or _UNSEEN.fullmatch(name)
        }

    def reads(self, request: CompileRequest) -> dict[str, str | None]:
        """What a cached result depends on: name → digest of the value, None where it is not declared."""
        every = digests(request.env)
        if self.all:
            return {ALL: _digest("\0".join(f"{name}={digest}" for name, digest in every.items()))}
        return {name: every.get(name) for name in self.names}


ALL = "*"
"""Stands for all variables together."""


def unseen(env: Mapping[str, str]) -> dict[str, str]:
    """Declared variables that belong to the cache's key, for who reads them is not seen."""
    return {name: value for name, value in sorted(env.items()) if _UNSEEN.fullmatch(name)}


def as_read(env: Mapping[str, str], names: Iterable[str]) -> dict[str, str | None]:
    """What `Variables.reads` would be of these names with this environment."""
    every = digests(env)
    whole = _digest("\0".join(f"{name}={digest}" for name, digest in every.items()))
    return {name: whole if name == ALL else every.get(name) for name in names}


def digests(env: Mapping[str, str]) -> dict[str, str]:
    """Name → sha256 of the value, sorted by name."""
    return {name: _digest(value) for name, value in sorted(env.items())}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def warnings(request: CompileRequest, compiled: CompiledFlow, variables: Variables) -> Iterator[str]:
    """What a person should know of the variables that the flow asks for."""
    steps = compiled.flow.steps
    told: dict[str, Mapping[str, Any]] = {}
    for read in variables.asked:
        if not _OF_TASKS.fullmatch(read["name"]) and (read["name"] not in told or read["sure"]):
            told[read["name"]] = read
    for name, read in told.items():
        place = f"{_file(request, read['file'])}:{read['line']}"
        if name not in request.env:
            yield (
                f"{place}: reads the variable {name}, which nobody declares: the compile {_seen(read)}. "
                f"{_in_tasks(name, steps)} Declare it in `env` (on the command line --env) for the compile, and give "
                f"it to the tasks that need it: {_giving(name)}"
            )
        elif read["sure"] and (lacking := [step for step, each in steps.items() if name not in each.environment]):
            yield (
                f"{place}: needs the variable {name} whenever the module is imported, which every task does too: the "
                f"tasks of {', '.join(lacking)} fail unless their image sets it, for `env` is for the compile alone. "
                f"Give it to them: {_giving(name)}; or read it by os.environ.get, or in the steps that need it"
            )
    if variables.looped and not request.env:
        first = variables.looped[0]
        yield (
            f"{_file(request, first['file'])}:{first['line']}: looks through all variables of the environment, and a "
            "compile sees none of the shell's: declare what it looks for in `env` (on the command line --env)"
        )


def _seen(read: Mapping[str, Any]) -> str:
    default = read["default"]
    if read["set"]:
        return "has one of its own"
    if default is None:
        return "found that it is not set"
    return f"took the default {HIDDEN if looks_secret(read['name'], default) else repr(default)}"


def _in_tasks(name: str, steps: Mapping[str, Step]) -> str:
    """What the tasks of each step see."""
    values = {step: each.environment[name] for step, each in steps.items() if name in each.environment}
    lacking = [step for step in steps if step not in values]
    unset = "it is not set unless their image sets it"
    if not values:
        return f"The module is imported in every task too, where {unset}."
    shown = {value: HIDDEN if looks_secret(name, value) else repr(value) for value in values.values()}
    given = "; ".join(
        f"{shown[value]} in tasks of {', '.join(step for step in values if values[step] == value)}" for value in shown
    )
    rest = f"; in those of {', '.join(lacking)} {unset}" if lacking else ""
    return f"By @environment it is {given}{rest}."


def _giving(name: str) -> str:
    return f"@environment(vars=…), or `steps: {{NAME: {{environment: {{{name}: …}}}}}}`"


def _file(request: CompileRequest, file: str) -> str:
    return request.label if file == str(request.file) else file
