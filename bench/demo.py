"""`make demo`, after set-up: seconds from nothing running to a result read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench.embedded import usual_environment
from bench.figures import Figure, Report, Target
from bench.processes import run

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60.0


def measure(report: Report, folder: Path, say: Callable[[str], AbstractContextManager[object]]) -> None:
    """Add the demo's time; with a state folder and a compile cache of its own, both empty."""
    own = {"FLOWINFRA_LOCAL_HOME": str(folder / "demo"), "FLOWINFRA_CACHE": str(folder / "demo-cache")}
    with say("make demo"):
        ran = run(["make", "--no-print-directory", "demo"], {**usual_environment(), **own}, ROOT)
    report.figures.append(Figure("make demo, after set-up", ran.seconds, "s", Target(SECONDS)))
