"""What Linux lets a task's process be started with. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

ARGUMENT_BYTES = 131_071
"""Bytes of one argument, or a variable with its name: MAX_ARG_STRLEN of Linux (include/uapi/linux/binfmts.h), of which
the last byte ends the text."""


def start_problems(words: Iterable[str], variables: Iterable[tuple[str, str]], large: str = "") -> Iterator[str]:
    """Words about what is too large in a container's command or variables, to be put behind the name of a step.

    Args:
        words: the command.
        variables: name and value of each.
        large: what else to do about a large command, with a comma in front.
    """
    for word in words:
        if (size := len(word.encode())) > ARGUMENT_BYTES:
            yield (
                f"its command has {size:,} bytes, allowed are {ARGUMENT_BYTES:,}, the most that Linux takes as one "
                f"argument; give the step fewer decorators{large}"
            )
    for name, value in variables:
        if (size := len(f"{name}={value}".encode())) > ARGUMENT_BYTES:
            yield (
                f"its variable {name} has {size:,} bytes, allowed are {ARGUMENT_BYTES:,}, the most that Linux takes as "
                "one variable; put what it holds into a file of the code package, or into an IncludeFile"
            )
