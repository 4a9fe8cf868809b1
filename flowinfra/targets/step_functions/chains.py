"""Which flows of a stack start which, and which events nobody in it sends. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from flowinfra.model.events import EventConfig
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.triggers import full_name, machine_name, several, upstream


@dataclass(frozen=True)
class Circle:
    """Flows that start each other."""

    labels: tuple[str, ...]
    """Of the flows, in the order in which they start each other; the first one is the last one, too."""
    events: tuple[str | None, ...]
    """The event by which each flow starts the next one; None for its end."""

    def told(self, names: Mapping[str, str]) -> str:
        """`A → B → A`, with the event before the flow that it starts; `names`: label → what a flow is called."""
        first, *others = self.labels
        pairs = zip(self.events, others, strict=True)
        steps = [word for event, label in pairs for word in (event, names[label]) if word]
        return " → ".join([names[first], *steps])


@dataclass(frozen=True)
class Chains:
    """The flows of a stack on Step Functions, by their labels, and what they start each other by."""

    flows: Mapping[str, StepFunctionsCompiled]
    sends: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Events that the flows may send."""
    events: Mapping[str, EventConfig] = field(default_factory=dict)
    """Names of the stack's own, which say where their events come from."""
    off: Collection[str] = ()
    """Flows whose triggers are turned off."""

    def unsent(self, label: str) -> tuple[str, ...]:
        """Events that a flow waits for, and that nobody in the stack sends."""
        if label in self.off:
            return ()
        return tuple(name for name in sorted(self._heard(label)) if name not in self._sent and name not in self.events)

    def circles_of(self, label: str) -> tuple[str, ...]:
        """The circles that a flow is part of, by the names that others call the flows."""
        names = {each: full_name(flow.flow) for each, flow in self.flows.items()}
        return tuple(circle.told(names) for circle in self.circles if label in circle.labels)

    def warnings(self) -> Iterator[str]:
        """Flows that wait for what nobody in the stack is, flows that start each other, and names without a use."""
        waited = sorted({name for label in self.flows for name in self._heard(label)})
        for name in sorted(self.events.keys() - set(waited)):
            yield (
                f"platform.events.{name}: no flow of the stack on Step Functions has @trigger(event={name!r})"
                + _near(name, waited)
            )
        for name, event in sorted(self.events.items()):
            if event.run and event.run.state_machine not in self._machines:
                machine = event.run.state_machine
                yield (
                    f"platform.events.{name}: this stack deploys no state machine {machine!r}"
                    f"{_near(machine, sorted(self._machines))}: the event comes when one of that name ends, whoever "
                    "deploys it"
                )
        for label in self.flows:
            for name in self.unsent(label):
                # many events come from elsewhere: only a name that looks misspelt is worth a word at each preview
                if near := _near(name, sorted(self._sent | set(self.events)), 0.85):
                    yield f"{label}: @trigger(event={name!r}): no flow of the stack sends this event{near}"
        for label, flow in self.flows.items():
            for name in filter(None, map(upstream, flow.flow.triggers)):
                if name not in self._labels:
                    machine = machine_name(name, flow.shape.name_prefix)
                    yield (
                        f"{label}: is started by the end of {name}, which this stack does not deploy to Step "
                        f"Functions: it starts when a state machine {machine!r} of the same "
                        "account and region succeeds, whoever deploys that"
                    )
        for circle in self.circles:
            told = circle.told({label: label for label in self.flows})
            if any(circle.events):
                yield f"{told}: these flows may start each other for ever, by events"
            elif any(several(self.flows[label].flow) for label in circle.labels):
                yield f"{told}: these flows wait for each other, so that no event starts any before a person does"
            else:
                yield f"{told}: these flows start each other, so that they run for ever once one of them succeeds"

    @cached_property
    def circles(self) -> tuple[Circle, ...]:
        """Each circle once."""
        found: dict[frozenset[str], Circle] = {}

        def follow(labels: list[str], events: list[str | None]) -> None:
            for label, event in self._starts.get(labels[-1], ()):
                if label == labels[0]:
                    found.setdefault(frozenset(labels), Circle((*labels, label), (*events, event)))
                elif label not in labels:
                    follow([*labels, label], [*events, event])

        for label in sorted(self._starts):
            follow([label], [])
        return tuple(found.values())

    @cached_property
    def _labels(self) -> dict[str, str]:
        return {full_name(flow.flow): label for label, flow in self.flows.items()}

    @cached_property
    def _machines(self) -> dict[str, str]:
        return {flow.name: label for label, flow in self.flows.items()}

    @cached_property
    def _sent(self) -> set[str]:
        return {name for names in self.sends.values() for name in names}

    def _senders(self, name: str) -> Iterator[str]:
        yield from (label for label, names in self.sends.items() if name in names)
        event = self.events.get(name)
        if event and event.run and event.run.state_machine in self._machines:
            yield self._machines[event.run.state_machine]

    def _heard(self, label: str) -> set[str]:
        return {trigger.name for trigger in self.flows[label].flow.triggers if not upstream(trigger)}

    @cached_property
    def _starts(self) -> dict[str, list[tuple[str, str | None]]]:
        """Flow → those that it starts, and by which event; None for its end."""
        found: dict[str, list[tuple[str, str | None]]] = {}
        for label, flow in self.flows.items():
            if label in self.off:
                continue
            for name in filter(None, map(upstream, flow.flow.triggers)):
                if name in self._labels:
                    found.setdefault(self._labels[name], []).append((label, None))
            for name in sorted(self._heard(label)):
                for sender in self._senders(name):
                    found.setdefault(sender, []).append((label, name))
        return found


def _near(name: str, others: Collection[str], cutoff: float = 0.6) -> str:
    near = difflib.get_close_matches(name, others, n=1, cutoff=cutoff)
    return f" (did you mean {near[0]!r}?)" if near else ""
