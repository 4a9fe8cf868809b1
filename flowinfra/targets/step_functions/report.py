"""What a report says of what happens to a flow's state machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowinfra.engine.preview import SECRET, UNKNOWN, State, Step
from flowinfra.report.of_target import Going, OfTarget
from flowinfra.report.resources import FlowPart, is_state_machine
from flowinfra.report.risk import Risk, Starter
from flowinfra.report.risks_of_resources import inputs_of, leaves, name_of, retained, why
from flowinfra.report.words import phrase
from flowinfra.targets.step_functions.request import TARGET

DEFINITION_CHARACTERS = 1_048_576
"""AWS's limit of a state machine's definition."""
NEAR = 0.8
"""Part of a limit, from 0 to 1, from which on the report mentions it."""
_HISTORY = "running executions end at their next state, and the history of all is lost"


class _Report(OfTarget):
    """Of a flow's state machine."""

    def risks(self, part: FlowPart) -> Iterator[Risk]:
        """The flow's state machine is deleted or replaced, or its definition is near its limit."""
        machines = {step.urn.text: step for step in part.children if is_state_machine(step) and leaves(step)}
        for step in machines.values():
            if step.op == "delete":
                yield Risk("state-machine-deleted", phrase("the state machine is deleted: ", _HISTORY))
            else:
                yield Risk(
                    "state-machine-replaced", phrase("the state machine is replaced", *why(step), ": ", _HISTORY)
                )
        # the states of flows from before other targets were there name none
        gone = part.op == "delete" and (part.old or {}).get("target", TARGET.name) == TARGET.name
        if gone and not machines and not any(map(is_state_machine, part.children)):
            yield Risk("state-machine-deleted", phrase("the flow leaves the stack: ", _HISTORY))
        yield from _near_a_limit(part)

    def other_risks(self, steps: Iterable[Step]) -> Iterator[Risk]:
        """State machines that belong to no flow are deleted."""
        for step in steps:
            if is_state_machine(step) and step.op == "delete" and not retained(step):
                yield Risk("state-machine-deleted", phrase("state machine ", name_of(step), " is deleted: ", _HISTORY))

    def going(self, step: Step, _context: str | None) -> Going | None:
        """What starts a flow's runs, and what becomes of those that go on; None for any other resource."""
        if step.old is None or not is_state_machine(step):
            return None
        effect = "ended at the next state" if leaves(step) else "to their end by the old definition"
        return Going(Starter("state machine", step.old.id), "execution", effect)


REPORT = _Report()


def _near_a_limit(part: FlowPart) -> Iterator[Risk]:
    for step in part.children:
        if not is_state_machine(step) or step.op == "delete":
            continue
        after, before = (_definition(state) for state in (step.new, step.old))
        text, when = (after, "has") if after is not None else (before, "has, before this change,")
        if text is not None and len(text) > NEAR * DEFINITION_CHARACTERS:
            part_of = len(text) * 100 // DEFINITION_CHARACTERS
            line = f"the definition {when} {len(text):,} of {DEFINITION_CHARACTERS:,} allowed characters ({part_of} %)"
            yield Risk("definition-size", phrase(line))


def _definition(state: State | None) -> str | None:
    """A state machine's definition, where it is known."""
    text = inputs_of(state).get("definition")
    return text if isinstance(text, str) and text not in (UNKNOWN, SECRET) else None
