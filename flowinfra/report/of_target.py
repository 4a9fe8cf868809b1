"""What a report says of what a target makes: each target says its own in its folder's `report.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flowinfra.engine.preview import Step
from flowinfra.report.resources import FlowPart
from flowinfra.report.risk import Risk, Starter
from flowinfra.targets import TARGETS


@dataclass(frozen=True)
class Going:
    """A resource that starts a flow's runs and changes."""

    starter: Starter
    runs: str
    """What one of its runs is called."""
    effect: str
    """What becomes of the runs that go on."""


class OfTarget:
    """Nothing, for a target with nothing to say."""

    def risks(self, _part: FlowPart) -> Iterator[Risk]:
        """Risks of what happens to a flow's resources."""
        return iter(())

    def other_risks(self, _steps: Iterable[Step]) -> Iterator[Risk]:
        """Risks of what happens to resources that belong to no flow."""
        return iter(())

    def going(self, _step: Step, _context: str | None) -> Going | None:
        """What starts a flow's runs; None for any other resource. `_context` is that of the kubeconfig."""
        return None

    def not_asked(self, _parts: Iterable[FlowPart]) -> str | None:
        """What cannot be asked of running flows, in words."""
        return None


def of_targets() -> Sequence[OfTarget]:
    """What each target says; their modules import this one."""
    return [target.part("report").REPORT for target in TARGETS.values()]
