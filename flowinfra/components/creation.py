"""What the components of all targets do before and while they make resources."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor
from typing_extensions import Self

from flowinfra.components.prepare import P, Preparation, Prepared, S
from flowinfra.components.program import project_root
from flowinfra.components.source import Deployment
from flowinfra.components.version import origin
from flowinfra.errors import FlowInfraError
from flowinfra.model.brief import brief

T = TypeVar("T")


@dataclass(frozen=True)
class Making(Generic[P, S]):
    """What every part of a flow is made with."""

    name: str
    """The component's."""
    plan: P
    platform: S
    child: pulumi.ResourceOptions

    def told_in_words(self, *properties: str, **more: Any) -> pulumi.ResourceOptions:
        """Options of a child whose properties a text preview names without their content.

        Pulumi prints JSON in a property as a whole where one value of it changes. The component's inputs say the same
        change in the flow's words; FLOWINFRA_SHOW_DEFINITIONS has the content printed, too. Where nothing else of the
        resource changes, Pulumi prints all of it (`renderDiff` in pkg/backend/display/diff.go), so something else must.
        """
        hidden = [] if os.environ.get("FLOWINFRA_SHOW_DEFINITIONS") else list(properties)
        return self.options(hide_diffs=hidden, **more)

    @property
    def protection(self) -> dict[str, bool]:
        """Option of what the flow is deployed as; a component's own `protect` holds where the flow says nothing."""
        return {"protect": True} if self.plan.protect else {}

    def options(self, **more: Any) -> pulumi.ResourceOptions:
        """A child's options."""
        return pulumi.ResourceOptions.merge(self.child, pulumi.ResourceOptions(**more))


def begun(
    name: str, args: Mapping[str, Any], preparation: Preparation[P, S]
) -> tuple[Prepared[P, S], Mapping[str, Any]]:
    """The flow of a component, compiled and checked, and who brings it from which commit.

    Args:
        name: the component's.
        args: its arguments.
        preparation: the target's.

    Raises:
        pulumi.RunError: with every problem of the flow, its arguments and the limits.
    """
    try:
        deployment = Deployment(pulumi.get_project(), pulumi.get_stack(), project_root())
        return preparation.prepare(name, args, deployment, pulumi.log.warn), origin(deployment.root)
    except FlowInfraError as error:
        raise pulumi.RunError(str(error)) from None


class FlowComponent(pulumi.ComponentResource, Generic[P, S]):
    """A flow as a Pulumi component, whatever runs it."""

    LOST_BY_RENAMES: ClassVar[str] = ""
    """What a preview says where the deployed flow gets another name; empty where the target says it itself."""

    def _begin(
        self, kind: str, name: str, plan: P, shown: Mapping[str, Any], opts: pulumi.ResourceOptions | None
    ) -> None:
        """Register the component; where it was renamed, as the one that the stack has.

        Args:
            kind: Pulumi's type of the component.
            name: its name.
            plan: of the flow.
            shown: the flow in human terms.
            opts: of the resource.
        """
        former = [pulumi.Alias(name=each) for each in plan.former_names if each != name]
        renamed = pulumi.ResourceOptions(aliases=former or None, hooks=self._rename_told(name))
        super().__init__(kind, name, brief(shown), pulumi.ResourceOptions.merge(opts, renamed))

    def _rename_told(self, name: str) -> pulumi.ResourceHookBinding | None:
        """The hook that says in a preview what a flow loses with its name; None for Pulumi's mocks."""
        if not self.LOST_BY_RENAMES or isinstance(get_monitor(), MockMonitor):
            return None

        def tell(args: pulumi.ResourceHookArgs) -> None:
            was, now = ((side or {}).get("name") for side in (args.old_inputs, args.new_inputs))
            if was != now and pulumi.runtime.is_dry_run():
                pulumi.log.warn(f"{now} was deployed as {was}: {self.LOST_BY_RENAMES}")

        hook = pulumi.ResourceHook(
            f"{type(self).__name__} {name}: name", tell, pulumi.ResourceHookOptions(on_dry_run=True)
        )
        return pulumi.ResourceHookBinding(before_update=[hook])

    @classmethod
    def of(cls, prepared: Prepared[P, S], by: Mapping[str, Any]) -> Self:
        """Deploy a flow that the program of a stack has checked already, with all others, under the flow's name.

        Args:
            prepared: the flow.
            by: who brings it, from which commit (`origin`).
        """
        made = cls.__new__(cls)
        made._make(prepared.plan.name, prepared, by, None)
        return made

    def _make(
        self, name: str, prepared: Prepared[P, S], by: Mapping[str, Any], opts: pulumi.ResourceOptions | None
    ) -> None:
        """Make the component and its resources; `by` says who brings the flow, from which commit."""
        raise NotImplementedError


def after(made: pulumi.Resource, value: pulumi.Input[T]) -> pulumi.Output[T]:
    """`value` once a resource is there, so that an output never speaks of what is not."""
    return pulumi.Output.all(made.urn, value).apply(lambda found: found[1])
