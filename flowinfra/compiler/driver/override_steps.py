"""An environment's overrides of steps: attributes of their decorators, in place of the values that the flow gives."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from .internals import internals
from .kubernetes_check import KubernetesCheck
from .kubernetes_security import normal

STEP_OVERRIDES = {
    "cpu": ("resources", "cpu"),
    "gpu": ("resources", "gpu"),
    "memory": ("resources", "memory"),
    "retries": ("retry", "times"),
    "timeout": ("timeout", "seconds"),
    "environment": ("environment", "vars"),
}
"""Override of a step → decorator and attribute; all others are attributes of the target's compute decorator."""

BY_US = (True, ["flowinfra"])
"""`statically_defined` and `inserted_by` of a decorator that a task's command does not name."""

SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}
"""Attribute of @timeout → how long one is."""


def attributes_of(decorator: Any) -> dict[str, Any]:
    """A decorator's attributes as they are after it is initialised: expressions of Configs as their values.

    The decorator itself stays uninitialised, because that is how Metaflow knows that it is new.
    """
    seen = copy.copy(decorator)
    seen.flowinfra_copy = True
    seen.attributes = dict(decorator.attributes)
    seen._user_defined_attributes = set(decorator._user_defined_attributes)
    seen.external_init()
    attributes: dict[str, Any] = dict(seen.attributes)
    return attributes


def metaflows_names(option: str, value: Any) -> Any:
    """A stack's value with the names of fields that Metaflow takes, where Kubernetes' own may be given too."""
    if option == "security_context":
        return normal(value)
    if option == "tolerations":
        renamed = {"tolerationSeconds": "toleration_seconds"}
        return [{renamed.get(key, key): item for key, item in toleration.items()} for toleration in value]
    return value


class StepOverrides:
    """The overrides of all steps. They may be applied several times: each decorator is changed once."""

    def __init__(
        self, steps: dict[str, dict[str, Any]], compute: str, kubernetes: KubernetesCheck | None = None
    ) -> None:
        self.compute, self.kubernetes = compute, kubernetes
        self.wanted = {step: list(self._of_step(step, changes)) for step, changes in steps.items()}
        self.done: list[Any] = []

    def _of_step(self, step: str, changes: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """Decorator, attribute and value of each override that can be put into the flow."""
        for option, given in changes.items():
            decorator, attribute = STEP_OVERRIDES.get(option, (self.compute, option))
            value = metaflows_names(option, given)
            if self.kubernetes is None or self.kubernetes.fits(step, option, attribute, value):
                yield decorator, attribute, value

    def apply(self, steps: list[Any], initialise: bool = True) -> Iterator[dict[str, Any]]:
        """Change the decorators that the steps have by now; yields what cannot be applied, with its reason.

        The target's compute decorator is given to every step at Metaflow's end: until then a step may lack it. Metaflow
        then asks mutators again of steps with decorators that are not yet initialised, and `initialise` is false.
        """
        known = {step.name: step for step in steps}
        for name, wanted in self.wanted.items():
            if name not in known:
                yield {"kind": "unknown-step", "name": name, "known": sorted(known)}
                continue
            step = known[name]
            present = {decorator.name for decorator in step.decorators}
            for missing in dict.fromkeys(name for name, _, _ in wanted if name not in {*present, self.compute}):
                kind = internals("metaflow.decorators").get_all_step_decos()[missing]
                step.decorators.append(kind(None, *BY_US))
            for decorator in step.decorators:
                if not any(decorator is one for one in self.done):
                    self.done.append(decorator)
                    yield from self._change(step, decorator, wanted, initialise)

    def _change(
        self, step: Any, decorator: Any, wanted: list[tuple[str, str, Any]], initialise: bool
    ) -> Iterator[dict[str, Any]]:
        attributes = {attribute: value for name, attribute, value in wanted if name == decorator.name}
        resources = {"resources", self.compute}
        said = attributes_of(decorator)
        if decorator.name in resources:
            # Metaflow takes the larger of what the two say, so that both must say it
            attributes.update(
                (attribute, value)
                for name, attribute, value in wanted
                if name in resources - {decorator.name} and said.get(attribute) is not None
            )
        if not attributes:
            return
        if decorator.name == "timeout":
            limit = sum(int(said[unit]) * seconds for unit, seconds in SECONDS.items())
            in_task = decorator.statically_defined or decorator.inserted_by is not None
            if in_task and limit and attributes["seconds"] > limit:
                yield {"kind": "timeout", "step": step.name, "limit": limit, "wanted": attributes["seconds"]}
                return
            attributes.update(minutes=0, hours=0)
        for attribute, value in attributes.items():
            if attribute not in decorator.defaults:
                yield {"kind": "no-attribute", "step": step.name, "decorator": decorator.name, "attribute": attribute}
                return
            own = said.get(attribute)
            if self.kubernetes is not None:
                self.kubernetes.overridden(step.name, decorator, attribute, own)
            said[attribute] = {**own, **value} if isinstance(value, Mapping) and isinstance(own, Mapping) else value
        if decorator.name == "environment":
            # a task has its variables from its container; the words of `--with` in its command do not hold every text
            decorator.statically_defined, decorator.inserted_by = BY_US
        # made anew, as if the flow's file had said all of it, and still the object that Metaflow knows
        told = {name: of for name, of in said.items() if of != decorator.defaults.get(name)}
        decorator.__init__(told, decorator.statically_defined, decorator.inserted_by)
        if initialise:
            decorator.external_init()
