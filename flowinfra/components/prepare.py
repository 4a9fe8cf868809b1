"""A component's arguments → a plan that is compiled and checked. Nothing of Pulumi's engine is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from flowinfra.components.later import NOTHING_LATER, Later, known_now
from flowinfra.components.names import Names
from flowinfra.components.options import PlatformShape
from flowinfra.components.plan import EVERY, Plan
from flowinfra.components.production_token import token_problems
from flowinfra.components.source import Deployment, FlowSource, flow_source
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.model.compiled import CompiledFlow
from flowinfra.stack.flow import FlowConfig


class Shaped(Protocol):
    """A platform, as far as compiling goes."""

    @property
    def shape(self) -> PlatformShape:
        """The part of the platform that changes what Metaflow produces."""


P = TypeVar("P", bound=Plan[Any])
S = TypeVar("S", bound=Shaped)


@dataclass(frozen=True)
class Prepared(Generic[P, S]):
    """A flow that is compiled and checked, ready to become resources."""

    plan: P
    platform: S
    label: str
    config: FlowConfig
    """What the flow says in place of the platform."""

    def on(self, platform: S, adapted: Callable[[str, FlowConfig, S], S]) -> Prepared[P, S]:
        """The prepared flow on a platform that did not exist yet when the flow was checked."""
        return replace(self, platform=adapted(self.label, self.config, platform))


def nothing_later(platform: S, _later: Later) -> S:
    """For a target none of whose own arguments may be an Output."""
    return platform


def nothing_more(_config: FlowConfig, _platform: Any) -> Mapping[str, Any]:
    """For a target whose plans have no field of their own that a flow's configuration says."""
    return {}


def as_it_is(_label: str, _config: FlowConfig, platform: S) -> S:
    """For a target whose flows have nothing of their own in place of the platform's."""
    return platform


@dataclass(frozen=True)
class Preparation(Generic[P, S]):
    """How the flows of one target are prepared; each target has one, in its `prepare.py`."""

    target: str
    compiled: type[CompiledFlow]
    """What the compiler makes for the target."""
    plan: type[P]
    platform: Callable[[str, Any], S]
    """Label of the flow and its argument `platform` → the platform; raises `ConfigError` where it is not a platform."""
    problems: Callable[[P, S], Sequence[FlowInfraError]]
    """Everything that would be refused of a plan."""
    adapted: Callable[[str, FlowConfig, S], S] = as_it_is
    """The platform with what the flow has in its place; raises `ConfigError` where they do not fit."""
    late: Callable[[S, Later], S] = nothing_later
    """The platform with Outputs in place of what stands for them."""
    more: Callable[[FlowConfig, S], Mapping[str, Any]] = nothing_more
    """Fields that only the target's plans have."""

    def prepare(
        self, label: str, args: Mapping[str, Any], deployment: Deployment, warn: Callable[[str], None]
    ) -> Prepared[P, S]:
        """Compile the flow where it is not, and check all of it; `warn` takes what the compile warns of.

        Raises:
            FlowInfraError: with everything that is wrong (`Problems` where there is more than one).
        """
        values, later = known_now(label, {"target": self.target, **args})
        platform = self.platform(label, values.pop("platform", None))
        source = flow_source(label, values, platform.shape, deployment, warn)
        return self.planned(label, source, platform, deployment, later)

    def planned(
        self,
        label: str,
        source: FlowSource,
        platform: S,
        deployment: Deployment,
        later: Later = NOTHING_LATER,
    ) -> Prepared[P, S]:
        """The plan of a compiled flow, checked; `later`: what stands for Outputs in its configuration."""
        compiled, config = source.compiled, source.config
        if not isinstance(compiled, self.compiled):
            raise ConfigError(f"{label}: is compiled for {compiled.target}, this is a component for {self.target}")
        platform = self.adapted(label, config, platform)
        plan = self.plan(
            compiled=compiled,
            names=Names(deployment.project, deployment.stack, compiled.name, config.production_token),
            file=source.file,
            aws_tags=config.aws_tags,
            parameters=source.parameters,
            schedule_enabled=config.schedule.enabled,
            triggers_enabled=config.triggers.enabled,
            protect=config.protect,
            renamed_from=config.renamed_from,
            reads=(EVERY,) if config.reads == "all" else tuple(config.reads),
            **self.more(config, platform),
        )
        if problems := [*token_problems(label, compiled, config.production_token), *self.problems(plan, platform)]:
            raise Problems(problems)
        tags = {key: later.text(value) for key, value in plan.aws_tags.items()}
        return Prepared(replace(plan, aws_tags=tags), self.late(platform, later), label, config)
