"""What a target says of itself: its options, how a request is put to Metaflow's command, and where its parts are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flowinfra.model.cron import Parser
from flowinfra.model.shape import Shape

if TYPE_CHECKING:
    from flowinfra.model.config import Config


def no_problems(_shape: Any) -> Iterator[str]:
    """For a target that has nothing to check beyond what all have."""
    return iter(())


def nothing(_stack: Any) -> dict[str, Any]:
    """For a target whose options are all the flow's."""
    return {}


def nothing_lacks(_stack: Any, _flow: Any) -> None:
    """For a target that needs nothing of the platform."""


def no_arguments(_name: str) -> list[str]:
    """For a target whose `create` takes options alone."""
    return []


@dataclass(frozen=True)
class Target:
    """A place where Metaflow can deploy a flow, with everything that is the target's own.

    What is needed while a flow is compiled is here. The other parts are modules of the target's folder, loaded when
    they are asked for (`part`), so that compiling does not load Pulumi.
    """

    name: str
    """Name of the target in `--target` and in a stack's file."""
    title: str
    """Name that people use."""
    group: str
    """Metaflow's command for the target, whose `create` is asked."""
    options: type[Shape]
    """All options of a compile."""
    create_options: Callable[[Any], list[str]]
    """Options of `create` that not every target has."""
    settings: Callable[[Any], dict[str, str]]
    """METAFLOW_* settings of the command: placeholders for identity, and what the shape says."""
    given: frozenset[str]
    """Placeholders that the compute decorator of a step holds."""
    cron: Parser
    """What reads the crons of its schedules."""
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
    problems: Callable[[Any], Iterator[str]] = no_problems
    """What can be known to be wrong with a shape, in words."""
    runner: str | None = None
    """The platform's key for what runs the flows, where that is outside AWS: it has their labels and roles."""
    of_stack: Callable[[Any], dict[str, Any]] = nothing
    """Options that a `StackConfig` says for all its flows of the target."""
    lacks: Callable[[Any, Any], str | None] = nothing_lacks
    """What a stack's platform has to have, of a `StackConfig` and a flow: the key that is missing, or None."""
    create_arguments: Callable[[str], list[str]] = no_arguments
    """What Metaflow's `create` takes after its options, by the name of what is deployed."""

    @property
    def key(self) -> str:
        """What the target's keys stand under in a stack's file, and its part of a compiled flow."""
        return self.name.replace("-", "_")

    @cached_property
    def own(self) -> frozenset[str]:
        """Options that not every target has."""
        return frozenset(self.options.model_fields) - frozenset(Shape.model_fields)

    @property
    def section(self) -> type[Config]:
        """Keys of a flow in a stack's file that stand under the target's name."""
        found: type[Config] = self.part("section").SECTION
        return found

    @property
    def step(self) -> type[Config]:
        """Keys of a step in a stack's file that stand under the target's name."""
        found: type[Config] = self.part("section").STEP
        return found

    @cached_property
    def overrides(self) -> frozenset[str]:
        """Overrides of a step that not every target has: attributes of its compute decorator."""
        return frozenset(self.step.model_fields)

    def part(self, module: str) -> ModuleType:
        """A module of the target's folder, such as `reading`."""
        return import_module(f"flowinfra.targets.{self.key}.{module}")
