"""Figures, their targets, and whether they are met: data without effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["met", "missed", "not measured", ""]


@dataclass(frozen=True)
class Target:
    """What a figure should be."""

    limit: float
    at_least: bool = False
    """False: at most."""

    def holds(self, value: float) -> bool:
        """Whether a value is on the right side; the limit itself is."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Figure:
    """One measured number that has a target, or is worth reading without one."""

    name: str
    value: float | None
    """None: not measured."""
    unit: str = ""
    """`s`, `ms`, `MB`, or `x` for a ratio."""
    target: Target | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the target is met; empty where there is none."""
        if self.target is None:
            return ""
        if self.value is None:
            return "not measured"
        return "met" if self.target.holds(self.value) else "missed"


@dataclass(frozen=True)
class Table:
    """Rows of numbers and words under one title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[float | str | None]]
    notes: Sequence[str] = ()


@dataclass
class Report:
    """All that one run measured."""

    machine: dict[str, Any] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Sections that cannot be measured on this machine, each with the reason."""

    @property
    def missed(self) -> list[Figure]:
        """Figures that miss their target."""
        return [figure for figure in self.figures if figure.verdict == "missed"]

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        figures = [{**asdict(figure), "verdict": figure.verdict} for figure in self.figures]
        tables = [asdict(table) for table in self.tables]
        return {"machine": self.machine, "tables": tables, "figures": figures, "skipped": self.skipped}


def ratio(value: float | None, base: float | None) -> float | None:
    """`value` in terms of `base`; None where either is not measured, or there is nothing to compare with."""
    return value / base if value is not None and base else None
