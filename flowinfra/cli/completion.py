"""What a shell offers beside commands and options: names that are read from files, without Pulumi or a cloud.

Whoever presses Tab is never shown an error: where nothing can be read, nothing is offered.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from click import Context, Parameter
from click.shell_completion import CompletionItem

_CLASS = re.compile(r"^class (\w+)\([^)]*FlowSpec\b", re.M)
"""The class of a flow in its file."""


def targets(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """What a flow can be compiled for."""
    from flowinfra.targets import TARGETS

    return _begun(TARGETS, incomplete)


def stacks(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Stacks of the project here that have a file."""
    return _begun(_stacks(), incomplete)


def flows(context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a flow's class, or the name that a stack gives it; of all stacks where none is given yet."""
    given = context.params.get("stack")
    listed = [flow for stack in ([given] if given else _stacks()) for flow in _flows(stack)]
    found = {*_classes(listed), *(flow.name for flow in listed if flow.name)}
    return _begun(sorted(found), incomplete)


def classes(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a flow's class."""
    return _begun(sorted({*_classes(flow for stack in _stacks() for flow in _flows(stack))}), incomplete)


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


def _classes(flows: Iterable[Any]) -> Iterator[str]:
    """Classes in the files of flows that a stack's file names. No flow is run."""
    from flowinfra.engine.project import project_folder

    for flow in flows:
        with contextlib.suppress(Exception):
            text = (project_folder(Path.cwd()) / flow.flow).read_text(encoding="utf-8", errors="replace")
            yield from _CLASS.findall(text)


def _flows(stack: str) -> Sequence[Any]:
    from flowinfra.engine.project import project_folder
    from flowinfra.stack.loading import stored_stack

    with contextlib.suppress(Exception):
        return stored_stack(project_folder(Path.cwd()), stack).flows
    return ()
