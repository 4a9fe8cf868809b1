"""What a shell offers beside commands and options: names that are read from files, without Pulumi or a cloud.

Whoever presses Tab is never shown an error: where nothing can be read, nothing is offered.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click import Context, Parameter
from click.shell_completion import CompletionItem


def targets(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """What a flow can be compiled for."""
    from flowinfra.targets import TARGETS

    return _begun(TARGETS, incomplete)


def stacks(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Stacks of the project here that have a file."""
    return _begun(_stacks(), incomplete)


def stacks_or_files(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a stack's name, or a file's where no stack begins so."""
    return stacks(context, parameter, incomplete) or [CompletionItem(incomplete, type="file")]


def previews(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Preview stacks that have a file, as they were named."""
    return _begun(_previews(), incomplete)


def profiles(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Profiles of Metaflow on this machine."""
    from flowinfra.start.metaflow_settings import home_folder
    from flowinfra.start.metaflow_settings import profiles as known

    with contextlib.suppress(Exception):
        return _begun([name for name in known(home_folder(os.environ)) if name], incomplete)
    return []


def _begun(names: Any, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _stacks() -> list[str]:
    from flowinfra.engine.project import project_folder, stack_file
    from flowinfra.stack.loading import known_stacks

    with contextlib.suppress(Exception):
        return known_stacks(stack_file(project_folder(Path.cwd()), "any"))
    return []


def _previews() -> Iterator[str]:
    from flowinfra.engine.project import project_folder, stack_file
    from flowinfra.stack.loading import stored

    for stack in _stacks():
        with contextlib.suppress(Exception):
            mark = stored(stack_file(project_folder(Path.cwd()), stack)).get("preview")
            if isinstance(mark, dict):
                yield str(mark.get("name"))
