"""What a target's own part of a request is; each target has one, in `request_<target>.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from flowinfra.model.compiled import Shape
from flowinfra.model.cron import CronError, fires


def no_problems(_shape: Shape) -> Iterator[str]:
    """Of a target that has nothing to check beyond what all have."""
    return iter(())


def refused_cron(target: str, cron: str, written: str | None = None) -> str | None:
    """Why the target's own parser refuses a cron, in words; None if it takes it.

    Args:
        target: as `flowinfra.model.cron.fires` takes it.
        cron: what the target gets.
        written: what the flow or the stack says, where that is more.
    """
    try:
        fires(target, cron)
    except CronError as error:
        return f"{(written or cron)!r}: {error}"
    return None


@dataclass(frozen=True)
class TargetRequest:
    """How a shape is put to Metaflow's command for one target."""

    group: str
    """Metaflow's command for the target, whose `create` is asked."""
    options: frozenset[str]
    """Fields of `Shape` that not every target has, and this one does."""
    create_options: Callable[[Shape], list[str]]
    """Options of `create` that not every target has."""
    settings: Callable[[Shape], dict[str, str]]
    """METAFLOW_* settings of the command: placeholders for identity, and what the shape says."""
    overrides: frozenset[str]
    """Overrides of a step that not every target has, and this one does: attributes of its compute decorator."""
    given: frozenset[str]
    """Placeholders that the compute decorator of a step holds."""
    cron_problem: Callable[[str], str | None]
    """What is wrong with the cron of a schedule for the target, in words; None if it fits."""
    timezone_problem: Callable[[str], str | None]
    """What is wrong with a schedule's timezone for the target, in words; None if it fits."""
    identity_settings: Mapping[str, str] = field(default_factory=dict)
    """Settings that are a stack's identity → the platform's key that binds them."""
    shape_settings: Mapping[str, str] = field(default_factory=dict)
    """Settings that have a key of their own."""
    datastores: tuple[str, ...] = ("s3",)
    """Metaflow's datastores that tasks of the target can use."""
    problems: Callable[[Shape], Iterator[str]] = no_problems
    """What can be known to be wrong with a shape, in words."""
