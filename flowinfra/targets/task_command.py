"""What Metaflow's own `create` was given, read out of a step's command that it wrote. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from flowinfra.model.base import Json

_TASK = re.compile(
    r"(?:^|[\s(;&])\S+ (?P<file>\S+\.py) (?P<before>(?:(?!&&|;).)*?)step (?P<step>\w+) (?P<after>--run-id .*)"
)
"""A step's own command within what its task runs; the last one in a task that does more before."""
_END = ") 1>> >("
"""Follows the commands of a step."""
_PLAIN_LOGGERS = {"event_logger": "nullSidecarLogger", "monitor": "nullSidecarMonitor"}


class NotMetaflowError(Exception):
    """A deployment that Metaflow did not make."""


@dataclass(frozen=True)
class TaskCommand:
    """Metaflow's command of a task."""

    file: str
    """Name of the flow's file, without its folder."""
    before: list[str]
    """Options of the flow, before `step`."""
    after: list[str]
    """Options of `step`."""


def task_command(text: str | None) -> TaskCommand | None:
    """Metaflow's command in what a task runs; None where there is none that is understood."""
    words = (text or "").rpartition(_END)[0] or text or ""
    found = list(_TASK.finditer(words))
    if not found:
        return None
    try:
        return TaskCommand(found[-1]["file"], shlex.split(found[-1]["before"]), shlex.split(found[-1]["after"]))
    except ValueError:
        return None


def values(words: list[str], option: str) -> list[str]:
    """Values of an option, given as `--option value` or `--option=value`."""
    found = []
    for index, word in enumerate(words):
        if word == option:
            found += words[index + 1 : index + 2]
        elif word.startswith(f"{option}="):
            found.append(word.partition("=")[2])
    return found


def given(task: TaskCommand | None, own: Collection[str]) -> dict[str, Json]:
    """Key of a flow in a stack's file → what `create` was given; empty for a command that is not known.

    Args:
        task: a step's command.
        own: decorators that Metaflow puts on each step itself: their names, or all of their text.
    """
    if task is None:
        return {}
    decorators = [each for each in values(task.before, "--with") if not {each, each.split(":")[0]} & {*own}]
    namespaces, branches = values(task.after, "--namespace"), values(task.before, "--branch")
    settings = {
        f"METAFLOW_DEFAULT_{name.upper()}": value
        for name, plain in _PLAIN_LOGGERS.items()
        for value in values(task.before, f"--{name.replace('_', '-')}")
        if value != plain
    }
    return {
        "with": decorators,
        "tags": values(task.after, "--tag"),
        "namespace": namespaces[0] if namespaces else None,
        "environment": next(iter(values(task.before, "--environment")), "local"),
        "branch": branches[0] if branches else None,
        "production": "--production" in task.before,
        "settings": settings,
    }


def not_read_back(environment: Mapping[str, str], options: Mapping[str, Json]) -> Iterator[str]:
    """What no deployment says of how it was made, in words.

    Args:
        environment: variables of a step's task.
        options: what was read back.
    """
    if "METAFLOW_FLOW_CONFIG_VALUE" in environment:
        named = ", ".join(sorted(json.loads(environment["METAFLOW_FLOW_CONFIG_VALUE"])))
        yield f"values of Configs ({named}): if `create` was given some, write them into `configs`"
    if options.get("environment", "local") != "local":
        yield f"packages of {options['environment']}: solve them with `flowinfra lock`"
