"""Which flow of one version of a stack, or of one stack, is which of another: by what they are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Inputs = Mapping[str, Any]
"""A flow's component's inputs."""


def pairs(old: Mapping[str, Inputs], new: Mapping[str, Inputs]) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Pairs of names, and the names that are in `old` and in `new` only.

    A flow is its class and the name of its file. Several of one class and file are distinguished by their names,
    without what belongs to the stack: its prefix, and the branch of a @project flow.
    """
    waiting = dict(new)
    both: list[tuple[str, str]] = []
    left = list(old)
    for same in (_exactly, _by_base, _by_kind):
        for name in list(left):
            found = [other for other in waiting if same(name, old[name], other, waiting[other])]
            rivals = [other for other in left if same(other, old[other], name, old[name])]
            if len(found) == 1 and (same is not _by_kind or len(rivals) == 1):
                both.append((name, found[0]))
                del waiting[found[0]]
                left.remove(name)
    order = list(old)
    return sorted(both, key=lambda pair: order.index(pair[0])), left, list(waiting)


def base_name(name: str, inputs: Inputs) -> str:
    """A flow's deployed name without the stack's prefix and the branch of its @project."""
    prefix, project = inputs.get("name_prefix"), inputs.get("project")
    if isinstance(prefix, str) and name.startswith(prefix):
        name = name[len(prefix) :].lstrip("_-.")
    branch = project.get("branch") if isinstance(project, dict) else None
    return name.replace(f".{branch}.", ".", 1) if isinstance(branch, str) else name


def _kind(inputs: Inputs) -> tuple[Any, ...]:
    return inputs.get("flow"), inputs.get("file")


def _exactly(name: str, inputs: Inputs, other: str, others: Inputs) -> bool:
    return name == other and _kind(inputs) == _kind(others)


def _by_base(name: str, inputs: Inputs, other: str, others: Inputs) -> bool:
    return _kind(inputs) == _kind(others) and base_name(name, inputs) == base_name(other, others)


def _by_kind(name: str, inputs: Inputs, other: str, others: Inputs) -> bool:
    return _kind(inputs) == _kind(others)
