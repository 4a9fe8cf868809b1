"""What a target gets of an event: all of it, a fixed input, a part, or a template filled in.

AWS: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html and
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html. Of a template,

- `<name>` stands for the value at a path of the event, or for one of five reserved names;
- a value in place of a JSON value is written as JSON; one inside of a string as it is: **nothing is escaped there**, so
  that a quote in it ends the string;
- a path that is not there gives an empty text;
- what is between braces is JSON, and sent without spaces; anything else must be strings in quotes, which are sent as
  they are written, quotes included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowinfra.errors import LocalError

Target = Mapping[str, Any]
Event = Mapping[str, Any]

_RESERVED = (
    *("aws.events.rule-arn", "aws.events.rule-name", "aws.events.event", "aws.events.event.json"),
    "aws.events.event.ingestion-time",
)
_WAYS = ("Input", "InputPath", "InputTransformer")
_PIECE = re.compile(r"""<(?P<name>[^<>"\s]+)>|(?P<escaped>\\.)|(?P<quote>")""", re.DOTALL)
_PATH = re.compile(r"\$(\.[\w/-]+|\[(\d+|\*)\]|\.\*)*")
_STEP = re.compile(r"\.([\w/-]+|\*)|\[(\d+|\*)\]")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MOST_PATHS, _LONGEST_INPUT, _LONGEST_PATH = 100, 8192, 256


class UndeliverableError(LocalError):
    """An event of which a target gets nothing."""


def delivered(target: Target, event: Event, rule: Mapping[str, str]) -> str:
    """What a target gets; `rule` has its `name`, `arn` and the `ingestion-time` of the event."""
    if (given := target.get("Input")) is not None:
        return str(given)
    if (path := target.get("InputPath")) is not None:
        found = list(_at(event, path))
        if not found:
            raise UndeliverableError(f"InputPath {path} is not in the event")
        return _json(found[0])
    transformer = target.get("InputTransformer")
    return _json(event) if transformer is None else _filled(transformer, event, rule)


def problem(target: Target) -> str | None:
    """Why PutTargets refuses what a target is to get; None if it does not."""
    name = target.get("Id")
    if sum(target.get(way) is not None for way in _WAYS) > 1:
        return f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
    if (given := target.get("Input")) is not None:
        if len(given) > _LONGEST_INPUT:
            return f"Input for target {name} is longer than {_LONGEST_INPUT} characters."
        return None if _is_json(given) else f"JSON syntax error in input for target {name}."
    if (path := target.get("InputPath")) is not None:
        return _path_problem(path, name)
    transformer = target.get("InputTransformer")
    return None if transformer is None else _transformer_problem(transformer, name)


def _transformer_problem(transformer: Mapping[str, Any], name: str | None) -> str | None:
    paths, template = transformer.get("InputPathsMap") or {}, transformer.get("InputTemplate", "")
    if len(paths) > _MOST_PATHS:
        return f"InputPathsMap for target {name} has more than {_MOST_PATHS} paths."
    for variable, path in paths.items():
        if not _NAME.fullmatch(variable) or variable.upper().startswith("AWS"):
            return f"InputPathsMap for target {name} contains invalid name {variable}."
        if refused := _path_problem(path, name):
            return refused
    if not 0 < len(template) <= _LONGEST_INPUT:
        return f"InputTemplate for target {name} must have 1 to {_LONGEST_INPUT} characters."
    for variable, _ in _variables(template):
        if variable not in paths and variable not in _RESERVED:
            return f"InputTemplate for target {name} contains invalid placeholder {variable}."
    sample = _replaced(template, {}, dict.fromkeys((*paths, *_RESERVED), 0))
    if not _are_values(sample):
        return f"Invalid InputTemplate for target {name} : {template!r} is neither JSON nor strings in quotes."
    return None


def _path_problem(path: str, name: str | None) -> str | None:
    if len(path) <= _LONGEST_PATH and _PATH.fullmatch(path):
        return None
    return f"InputPath for target {name} is invalid: {path}"


def _filled(transformer: Mapping[str, Any], event: Event, rule: Mapping[str, str]) -> str:
    values: dict[str, Any] = {
        "aws.events.rule-arn": rule["arn"],
        "aws.events.rule-name": rule["name"],
        "aws.events.event.ingestion-time": rule["ingestion-time"],
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }
    paths: Mapping[str, str] = transformer.get("InputPathsMap") or {}
    template: str = transformer["InputTemplate"]
    found = _replaced(template, {name: list(_at(event, path)) for name, path in paths.items()}, values)
    if template.lstrip()[:1] in ("{", "[") and _is_json(found):
        return _json(json.loads(found))
    return found


def _replaced(template: str, found: Mapping[str, Sequence[Any]], values: Mapping[str, Any]) -> str:
    """A template with its variables replaced: by what was found at their paths, or by values."""
    parts, last, inside = [], 0, False
    for piece in _PIECE.finditer(template):
        if piece["quote"]:
            inside = not inside
        name = piece["name"]
        if name is None or (name not in found and name not in values):
            continue
        matches = found.get(name, [values[name]] if name in values else [])
        value = "" if not matches else matches[0] if len(matches) == 1 else list(matches)
        parts += [template[last : piece.start()], value if inside and isinstance(value, str) else _json(value)]
        last = piece.end()
    return "".join([*parts, template[last:]])


def _variables(template: str) -> Iterator[tuple[str, int]]:
    for piece in _PIECE.finditer(template):
        if piece["name"] is not None:
            yield piece["name"], piece.start()


def _at(event: Any, path: str) -> Iterator[Any]:
    """The values at a path; none where it is not there, several with `*`."""
    found = [event]
    for step in _STEP.finditer(path):
        found = [inner for value in found for inner in _step(value, step[1] or step[2], in_array=step[1] is None)]
    yield from found


def _step(value: Any, step: str, *, in_array: bool) -> Iterator[Any]:
    if step == "*":
        yield from value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    elif in_array:
        if isinstance(value, list) and int(step) < len(value):
            yield value[int(step)]
    elif isinstance(value, dict) and step in value:
        yield value[step]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _are_values(text: str) -> bool:
    """Whether a text is one JSON value, or several strings one after the other."""
    decoder, index, values = json.JSONDecoder(), 0, []
    text = text.strip()
    while index < len(text):
        try:
            value, index = decoder.raw_decode(text, index)
        except ValueError:
            return False
        values.append(value)
        index += len(text[index:]) - len(text[index:].lstrip())
    return bool(values) and (len(values) == 1 or all(isinstance(value, str) for value in values))


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
