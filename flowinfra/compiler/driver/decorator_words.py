"""Decorators of `--with` in a task's command, whose attributes arrive there as they are.

Metaflow writes a decorator that the flow's file does not have into the command of each task: texts as they are, all
else as JSON. The command goes through `shlex` and a shell, and the task takes the words apart at `,name=`: of some
texts something else arrives. These are written as JSON, with escapes that neither shell nor task reads.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from .internals import internals

SEAMS = (
    ("metaflow.decorators", "Decorator.make_decorator_spec"),
    ("metaflow.decorators", "Decorator.extract_args_kwargs_from_decorator_spec"),
    ("metaflow.util", "dict_to_cli_options"),
)

_READ_BY_OTHERS = ("'", "$$", "$(")
"""What stands between two ' is in the shell's other quotes, where $ and ` have a meaning; in a container's command
Kubernetes writes `$` for `$$`, and a variable's value for `$(NAME)`."""
_ESCAPES = {'\\"': r"\u0022", r"\\": r"\u005c", "'": r"\u0027", "=": r"\u003d", "$": r"\u0024"}
_ESCAPED = re.compile(r"\\[\"\\]|['=$]")


def install() -> None:
    """Stand in Metaflow where it makes words of a decorator."""
    decorators = internals("metaflow.decorators").Decorator
    original = decorators.make_decorator_spec

    def make_decorator_spec(decorator: Any) -> str:
        spec: str = original(decorator)
        return spec if _arrives(decorator, spec) else _as_json(decorator)

    decorators.make_decorator_spec = make_decorator_spec


def _arrives(decorator: Any, spec: str) -> bool:
    """Whether a task makes the same decorator of these words."""
    if any(part in spec for part in _READ_BY_OTHERS):
        return False
    options = " ".join(internals("metaflow.util").dict_to_cli_options({"with": [spec]}))
    try:
        # as Batch._command and Kubernetes._command do, and bash after them
        [*_, command] = shlex.split(f'bash -c "{options}"')
        [_, word] = shlex.split(command)
        name, _, given = word.partition(":")
        _, found = decorator.extract_args_kwargs_from_decorator_spec(given)
    except ValueError:
        return False
    wanted = {key: value for key, value in decorator.attributes.items() if value is not None}
    return (name, set(found)) == (decorator.name, set(wanted)) and all(
        # a task gets `True` and `4096` as text or number, whatever they were
        str(found[key]) == str(value) if isinstance(value, (int, float, str)) else found[key] == _plain(value)
        for key, value in wanted.items()
    )


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _as_json(decorator: Any) -> str:
    words = [f"{key}={_word(value)}" for key, value in decorator.attributes.items() if value is not None]
    return f"{decorator.name}:{','.join(words)}"


def _word(value: Any) -> str:
    if isinstance(value, (int, float)):
        return str(value)
    text = _ESCAPED.sub(lambda found: _ESCAPES[found[0]], json.dumps(value))
    return text.replace('"', '\\"')  # which `shlex` takes away again
