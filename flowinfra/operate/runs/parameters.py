"""Parameters that a person gives a run: their names and types are checked as Metaflow's own `trigger` checks them."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from flowinfra.errors import FlowInfraError, TriggerError, together
from flowinfra.operate.runs.included import File
from flowinfra.operate.runs.machines import Machine

_FILE = re.compile(r"file(?: \((.+)\))?")
"""Type of an IncludeFile, with its encoding where that is not UTF-8."""


@dataclass(frozen=True)
class Takes:
    """What a flow takes."""

    flow: str
    types: Mapping[str, str | None] = field(default_factory=dict)
    """Parameter → Metaflow's name of its type; None where that is not known."""
    required: frozenset[str] = frozenset()
    complete: bool = True
    """Whether these are all: a definition alone names those that have a default."""


def of_inputs(flow: str, inputs: Mapping[str, Any]) -> Takes:
    """What a flow takes, by its component's inputs in a stack's state."""
    entries = inputs.get("parameters", {})
    if not isinstance(entries, Mapping):  # a secret
        return Takes(flow, complete=False)
    known = {name: entry if isinstance(entry, Mapping) else {} for name, entry in entries.items()}
    return Takes(
        flow,
        {name: entry.get("type") for name, entry in known.items()},
        frozenset(name for name, entry in known.items() if entry.get("required")),
    )


def of_definition(machine: Machine) -> Takes:
    """What a flow takes as far as its definition says, where no stack's state is there to ask."""
    return Takes(
        machine.flow or machine.name,
        {name: _TYPES.get(type(value)) for name, value in (machine.defaults or {}).items()},
        complete=False,
    )


_TYPES: Mapping[type, str] = {bool: "bool", int: "int", float: "float"}
"""Type of a default → Metaflow's name of the parameter's. A text may be that of JSON."""


def parse(words: Sequence[str]) -> dict[str, str]:
    """`--name value` and `--name=value` words as a mapping.

    Raises:
        TriggerError: a word is none of these, has no value, or is given twice.
    """
    parameters: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word == "--":
            raise TriggerError(f"{word!r} is not a parameter: give them as --name VALUE")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise TriggerError(f"parameter --{name} has no value: give it as --{name} VALUE")
            value = rest.pop(0)
        if name in parameters:
            raise TriggerError(f"parameter --{name} is given twice")
        parameters[name] = value
    return parameters


def checked(takes: Takes, given: Mapping[str, str]) -> dict[str, Any]:
    """Values of a run's parameters, each of the type that the flow declares; what is not given is not among them.

    That of an IncludeFile is a `File`, which is to be stored before the run.

    Args:
        takes: what the flow takes.
        given: the person's words, by name.

    Raises:
        FlowInfraError: every name that the flow does not have, every value that does not fit, and every required
            parameter that is missing.
    """
    names = {_folded(name): name for name in takes.types}
    values: dict[str, Any] = {}
    problems: list[FlowInfraError] = []
    for word, text in given.items():
        name = names.get(_folded(word), None if takes.complete else word)
        if name is None:
            problems.append(_unknown(takes, word))
        elif name in values:
            problems.append(TriggerError(f"parameter --{name} is given twice"))
        else:
            try:
                values[name] = _typed(name, text, takes.types.get(name))
            except TriggerError as error:
                problems.append(error)
                values[name] = None
    for name in sorted(takes.required - values.keys()):
        problems.append(TriggerError(f"{takes.flow} needs --{name}, which has no default: give it as --{name} VALUE"))
    if problems:
        raise together(problems)
    return values


def unsure(takes: Takes, given: Mapping[str, str]) -> list[str]:
    """Names that were given and cannot be checked, for the definition names parameters with a default alone."""
    known = {_folded(name) for name in takes.types}
    return [] if takes.complete else [word for word in given if _folded(word) not in known]


def _unknown(takes: Takes, word: str) -> TriggerError:
    if not takes.types:
        return TriggerError(f"{takes.flow} has no parameters, but --{word} is given")
    near = difflib.get_close_matches(_folded(word), [_folded(name) for name in takes.types], n=1)
    meant = next((name for name in takes.types if near and _folded(name) == near[0]), None)
    hint = f" (did you mean --{meant}?)" if meant else ""
    allowed = ", ".join(f"--{name}" for name in takes.types)
    return TriggerError(f"{takes.flow} has no parameter --{word}{hint}; it takes: {allowed}")


def _folded(name: str) -> str:
    """A name as Metaflow compares it: case and `-` or `_` make no difference."""
    return name.lower().replace("-", "_")


def _typed(name: str, text: str, kind: str | None) -> Any:
    """A value as Metaflow's `trigger` sends it."""
    if kind == "JSON":
        try:
            return json.dumps(json.loads(text))
        except ValueError as error:
            raise TriggerError(f"parameter --{name} is JSON, and {text!r} is not: {error}") from None
    if kind is not None and (file := _FILE.fullmatch(kind)):
        return File.of(name, text, file[1] or "utf-8")
    if kind is None or kind not in _CONVERTED:
        return text
    converter, words = _CONVERTED[kind]
    try:
        return converter.convert(text, None, None)
    except click.BadParameter:
        raise TriggerError(f"parameter --{name} is {words}, not {text!r}") from None


_CONVERTED: Mapping[str, tuple[Any, str]] = {
    "bool": (click.BOOL, "true or false"),
    "int": (click.INT, "a whole number"),
    "float": (click.FLOAT, "a number"),
}
"""Metaflow's name of a type → what Metaflow's command converts it with, and words for it."""
