"""Values of a stack's file, or of a component → a checked configuration; all that is wrong is reported at once.

An error names the file, the key's path, what was found, what is allowed, and for a misspelt key the one meant.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from pydantic import ValidationError

from flowinfra.errors import ConfigError, Problems
from flowinfra.model.base import Json
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.contradictions import contradictions, missing_platforms, secret_problems
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.mistakes import mistakes
from flowinfra.stack.places import KeyPath, Places, Problem, key_path
from flowinfra.targets import TARGETS
from flowinfra.targets.target import Target


def check_stack(values: Mapping[str, Json], source: str | Places) -> StackConfig:
    """Check a stack's configuration as it stands in its file.

    Args:
        values: key without `flowinfra:` → value.
        source: the file, for errors: with its lines, or its path alone.

    Raises:
        Problems: all that is wrong; what looks like a secret is refused, and not shown.
    """
    problems = list(secret_problems(values))
    try:
        stack = StackConfig.model_validate(dict(values))
    except ValidationError as error:
        problems += mistakes(error, StackConfig)
    else:
        problems += contradictions(stack)
    _refuse(problems, source)
    return stack


def _refuse(problems: Sequence[Problem], source: str | Places) -> None:
    """Raises `Problems` where there are some."""
    places = source if isinstance(source, Places) else Places(source)
    if problems:
        raise Problems([ConfigError(f"{places.at(*path)}: {reason}") for path, reason in problems])


def parse_stack(values: Mapping[str, Json], source: str | Places) -> StackConfig:
    """A checked configuration in which each flow has the stack's `defaults` where it says nothing itself.

    Lists and single values of the flow replace the defaults', mappings are merged. Raises as `check_stack` does.
    """
    stack = check_stack(values, source)
    defaults = stack.defaults.model_dump(by_alias=True, exclude_unset=True)
    flows = [
        FlowConfig.model_validate(merged(defaults, flow.model_dump(by_alias=True, exclude_unset=True)))
        for flow in stack.flows
    ]
    _refuse(list(missing_platforms(stack, flows)), source)
    return stack.model_copy(update={"flows": flows})


def parse_flow(values: Mapping[str, Json], who: str) -> FlowConfig:
    """Check a component's arguments, where the target's own keys stand beside the others.

    Args:
        values: the arguments, and the component's `target`. Default: `step-functions`.
        who: what messages call the component.

    Raises:
        Problems: all that is wrong.
    """
    problems = list(secret_problems(values))
    target = TARGETS.get(values.get("target", "step-functions"))
    try:
        flow = FlowConfig.model_validate(_with_section(values, target) if target else dict(values))
    except ValidationError as error:
        found = mistakes(error, FlowConfig, target)
        problems += [(_without_section(path, target) if target else path, reason) for path, reason in found]
    if problems:
        raise Problems([ConfigError(f"{who}: {key_path(path)}: {reason}") for path, reason in problems])
    return flow


def _with_section(values: Mapping[str, Json], target: Target) -> dict[str, Json]:
    """A component's arguments as an entry of a stack's file: the target's own keys stand under its name."""

    def under(entry: Mapping[str, Json], own: Container[str]) -> dict[str, Json]:
        others = {key: value for key, value in entry.items() if key not in own}
        return {**others, target.key: {key: value for key, value in entry.items() if key in own}}

    nested = under(values, target.section.model_fields)
    if isinstance(steps := nested.get("steps"), Mapping):
        own = target.step.model_fields
        nested["steps"] = {
            name: under(step, own) if isinstance(step, Mapping) else step for name, step in steps.items()
        }
    return nested


def _without_section(path: KeyPath, target: Target) -> KeyPath:
    """The path of a key as a component's arguments have it."""
    place = 2 if path[0] == "steps" else 0
    return path[:place] + path[place + 1 :] if path[place : place + 1] == (target.key,) else path


def merged(defaults: Mapping[str, Json], own: Mapping[str, Json]) -> dict[str, Json]:
    """`defaults` with what `own` says: mappings are merged, all else is replaced."""
    result = dict(defaults)
    for key, value in own.items():
        before = result.get(key)
        result[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result
