"""Follows an execution to its end and shows each step: a live table in a terminal, lines elsewhere."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flowinfra.operate.runs.progress import Progress, Step

INTERVAL = 0.3
"""Seconds between two looks at what answers at once."""
_STYLES = {
    "waiting": "dim",
    "queued": "yellow",
    "running": "cyan",
    "retrying": "yellow",
    "succeeded": "green",
    "failed": "bold red",
}


class View(Protocol):
    """Shows how far an execution is."""

    def show(self, progress: Progress) -> None:
        """Show the latest look."""


class Lines:
    """One line for each change of a step: for pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, str] = {}

    def show(self, progress: Progress) -> None:
        """Print the steps that are not as they were."""
        for step in progress.steps:
            line = describe(step)
            if step.tasks and self._shown.get(step.name) != line:
                self._shown[step.name] = line
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Live_:  # noqa: N801  (rich's Live, kept up to date)
    """A table that is redrawn."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, progress: Progress) -> None:
        """Redraw."""
        self._live.update(table(progress, time.time()))


@contextlib.contextmanager
def view(console: Console) -> Iterator[View]:
    """The view that suits the console."""
    if not console.is_terminal:
        yield Lines(console)
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield Live_(live)


def follow(look: Callable[[], Progress], shown: View, interval: float = INTERVAL) -> Progress:
    """Show an execution until it ends; return its last state.

    Args:
        look: says how far it is.
        shown: is given each look.
        interval: seconds between two looks.

    Raises:
        KeyboardInterrupt: Ctrl-C, between two looks.
    """
    with _interrupted() as interrupted:
        while True:
            progress = look()
            shown.show(progress)
            if progress.ended and all(task.ended for step in progress.steps for task in step.tasks):
                return progress
            _wait(interval, interrupted)


def _wait(seconds: float, interrupted: list[int]) -> None:
    """Wait for the next look, and no longer than a moment after Ctrl-C."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not interrupted:
        time.sleep(min(left, INTERVAL))
    if interrupted:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _interrupted() -> Iterator[list[int]]:
    """Ctrl-C as an entry of a list: as an exception it is lost where Python is in a destructor."""
    signals: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: signals.append(number))
    try:
        yield signals
    finally:
        signal.signal(signal.SIGINT, before)


def describe(step: Step) -> str:
    """A step in one line."""
    parts = [f"{step.name}: {step.state}"]
    if step.total > 1:
        parts.append(f"{step.done}/{step.total} tasks")
    if step.attempts > 1:
        parts.append(f"attempt {step.attempts}")
    took = seconds(step, None)
    if took is not None:
        parts.append(f"{took:.0f} s")
    waits = next((task.reason for task in step.tasks if task.reason and not task.attempts), None)
    return ", ".join(parts) + (f" ({waits})" if waits and step.state == "queued" else "")


def table(progress: Progress, now: float) -> Table:
    """All steps; `now` in seconds since the epoch."""
    drawn = Table(title=f"{progress.name}  {progress.run_id}", title_justify="left")
    drawn.add_column("step", no_wrap=True)
    drawn.add_column("state")
    for name in ("tasks", "attempts", "time"):
        drawn.add_column(name, justify="right")
    for step in progress.steps:
        took = seconds(step, now)
        drawn.add_row(
            step.name,
            Text(step.state, style=_STYLES[step.state]),
            f"{step.done}/{step.total}",
            str(step.attempts) if step.attempts else "",
            "" if took is None else f"{took:.0f} s",
        )
    return drawn


def seconds(step: Step, now: float | None) -> float | None:
    """How long a step took, or has taken at `now`; None if it has not started (or ended, without
    `now`).
    """
    end = step.stopped if step.stopped is not None else now
    return None if step.started is None or end is None else max(0.0, end - step.started)
