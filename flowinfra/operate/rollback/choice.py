"""Which deployment comes back, and what the stack has then. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowinfra.errors import ConfigError, StateError
from flowinfra.model.base import Json
from flowinfra.model.deployments import KeptDeployment, KeptFlow, Numbered


@dataclass(frozen=True)
class Choice:
    """What a rollback is about to deploy."""

    back: Numbered
    """The deployment that comes back."""
    present: Numbered
    """The last deployment that was kept: its configuration stays, and so do its other flows."""
    flows: tuple[KeptFlow, ...]
    """All flows that the stack has afterwards."""
    wanted: tuple[str, ...]
    """Names of the flows that are to be as they were; also of those that are so by the last deployment."""

    @property
    def changed(self) -> Iterator[tuple[str, KeptFlow | None, KeptFlow]]:
        """Flows that are not as they were: name, how it was deployed last (None: it was not), and what comes back."""
        now, then = self.present.kept.by_name, self.back.kept.by_name
        for name in self.wanted:
            if now.get(name) != then[name]:
                yield name, now.get(name), then[name]

    @property
    def left(self) -> tuple[str, ...]:
        """Flows that are deployed now, and were not then: they stay as they are."""
        return tuple(name for name in self.present.kept.by_name if name not in self.back.kept.by_name)

    @property
    def other_configuration(self) -> tuple[str, ...]:
        """Keys of the stack, `platform.queue`, that had another value then, or none: they stay as they are."""
        return tuple(_differences(self.back.kept.config, self.present.kept.config))


def choose(deployments: Sequence[Numbered], stack: str, flow: str | None = None, to: int | None = None) -> Choice:
    """Choose what comes back: by number, or else the last deployment that has a flow otherwise than it is now.

    Args:
        deployments: those that are kept, the first one first.
        stack: its name, for messages.
        flow: what a person calls the one flow that comes back; None for all.
        to: number of the deployment.

    Raises:
        StateError: none is kept, not that one, or none in which the flow is otherwise.
        ConfigError: no kept deployment has the flow, or the class has been deployed under several names.
    """
    if not deployments:
        raise StateError(
            f"no deployment of {stack!r} is kept. Those are whose program calls `flowinfra.deploy`, from the next "
            "`pulumi up` on"
        )
    present = deployments[-1]
    name = None if flow is None else _name(deployments, stack, flow)
    back = _earlier(deployments, stack, name) if to is None else _numbered(deployments, stack, to)
    now, then = present.kept.by_name, back.kept.by_name
    if name is not None and name not in then:
        raise StateError(
            f"deployment {back.number} of {stack!r} has no flow {name}: a rollback removes none. To remove it, take it "
            "out of the stack's file and run `pulumi up`"
        )
    wanted = tuple(then) if name is None else (name,)
    after = {**now, **{each: then[each] for each in wanted}}
    return Choice(back, present, tuple(after[each] for each in sorted(after)), wanted)


def changes(before: KeptDeployment | None, after: KeptDeployment) -> Iterator[tuple[str, str]]:
    """What a deployment changed of the one before: `added`, `changed` or `removed`, and the flow's name."""
    old, new = before.by_name if before else {}, after.by_name
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield "added" if name not in old else "removed" if name not in new else "changed", name


def _name(deployments: Sequence[Numbered], stack: str, wanted: str) -> str:
    """The name of the flow that a person means: its own, or the class of one flow alone."""
    found = [flow for each in reversed(deployments) for flow in each.kept.flows]
    if any(flow.name == wanted for flow in found):
        return wanted
    of_class = sorted({flow.name for flow in found if flow.flow == wanted})
    if len(of_class) == 1:
        return of_class[0]
    if of_class:
        raise ConfigError(f"{wanted} was deployed to {stack!r} under several names; say which: {', '.join(of_class)}")
    known = sorted({flow.name for flow in found})
    near = difflib.get_close_matches(wanted, [*known, *(flow.flow for flow in found)], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ConfigError(
        f"no kept deployment of {stack!r} has a flow {wanted!r}{hint}; they have: {', '.join(known) or 'none'}"
    )


def _numbered(deployments: Sequence[Numbered], stack: str, number: int) -> Numbered:
    for each in deployments:
        if each.number == number:
            return each
    kept = ", ".join(str(each.number) for each in deployments)
    raise StateError(f"deployment {number} of {stack!r} is not kept; kept are: {kept} (`flowinfra rollback --list`)")


def _earlier(deployments: Sequence[Numbered], stack: str, name: str | None) -> Numbered:
    now = deployments[-1].kept.by_name
    for each in reversed(deployments[:-1]):
        then = each.kept.by_name
        if any(then[one] != now.get(one) for one in then if name in (None, one)):
            return each
    what = "its flows" if name is None else name
    known = "no earlier deployment" if len(deployments) == 1 else f"none of the {len(deployments) - 1} earlier ones"
    raise StateError(
        f"{stack!r}: there is nothing to go back to: of the deployments that are kept, {known} has {what} otherwise "
        f"than now. After a deploy that failed, `--to {deployments[-1].number}` brings the last whole one back. What "
        "was deployed before them is in git: check out the older commit and run FLOWINFRA_ALLOW_OLDER=1 pulumi up"
    )


def _differences(then: Mapping[str, Json], now: Mapping[str, Json], above: str = "") -> Iterator[str]:
    for key in sorted({*then, *now}):
        old, new = then.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, f"{above}{key}.")
        elif old != new:
            yield f"{above}{key}"
