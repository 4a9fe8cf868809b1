"""What the plans of all targets have: one flow in one stack, its names and tags. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flowinfra.components.names import KIND_TAG, TARGET_TAG, Names
from flowinfra.components.outputs import FlowFile
from flowinfra.components.renames import former_names
from flowinfra.errors import ConfigError
from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow

C = TypeVar("C", bound=CompiledFlow)

EVERY = "*"
"""All flows, where flows are named."""


@dataclass(frozen=True)
class Plan(Generic[C]):
    """One flow in one stack."""

    compiled: C
    names: Names
    file: FlowFile = field(kw_only=True)
    """What commands for people name."""
    aws_tags: Mapping[str, Any] = field(default_factory=dict)
    """Values may be Outputs once it is checked."""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """Values of deploy-time parameters."""
    schedule_enabled: bool = True
    triggers_enabled: bool = True
    """Whether events start the flow."""
    protect: bool = False
    """Whether what the flow is deployed as may be neither deleted nor replaced."""
    renamed_from: str | None = None
    """What the flow was called before."""
    reads: tuple[str, ...] = ()
    """Other flows whose part of the datastore the tasks may read; `EVERY` for all."""

    @property
    def name(self) -> str:
        """What the flow is called where it is deployed."""
        return self.compiled.name

    @property
    def former_names(self) -> tuple[str, ...]:
        """Names that it may have had before it was renamed."""
        return former_names(self.compiled, self.renamed_from)

    @property
    def token(self) -> str:
        """Production token."""
        return self.names.token(self.compiled.flow.token_prefix)

    @property
    def tags(self) -> dict[str, str]:
        """Tags of everything in AWS."""
        return self.names.tags(self.aws_tags)

    @property
    def unread(self) -> Iterator[str]:
        """A warning of flows that the code names, and that a role of the flow's own may not read."""
        missing = [flow for flow in self.compiled.flow.reads if flow not in self.reads]
        if missing and EVERY not in self.reads:
            yield (
                f"{self.name}: the code names {', '.join(missing)}, and the flow's own role reads no other flow's "
                f"artifacts: such a read would fail with 403 (AccessDenied). "
                f"Give `reads: [{', '.join([*self.reads, *missing])}]`"
            )

    def object_tags(self, kind: str) -> dict[str, str]:
        """Tags of a datastore object: its kind and the target too, which `gc` goes by."""
        return {**self.tags, KIND_TAG: kind, TARGET_TAG: self.compiled.target}


def same_name_problems(things: Mapping[str, str]) -> Iterator[ConfigError]:
    """Two flows that would be one thing; `things`: what a person calls the flow → what it is where it is deployed."""
    first: dict[str, str] = {}
    for label, thing in things.items():
        if thing in first:
            yield same_name(thing, first[thing], label)
        first.setdefault(thing, label)


def same_name(thing: str, first: str, second: str) -> ConfigError:
    """The error for two flows that would be one thing; `thing`: in words, `state machine 'Flow'`."""
    return ConfigError(
        f"{first} and {second} are both the {thing}; give one of them another `name`, or another branch if it is "
        "a @project flow"
    )
