"""Compile time for Argo Workflows: against Metaflow's own command, and of a flow with many steps.

Metaflow's command is `python flow.py argo-workflows create --only-json` with its datastore on the embedded AWS, ours
`flowinfra compile flow.py -t argo` with an empty cache: whole processes both.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.compiling import Say, median
from bench.figures import Figure, Report, Table, Target, ratio
from bench.flows import STEPS, write_flows
from bench.processes import Ran, run

COLD_SHARE, MANY_STEPS, MANY_STEPS_SECONDS = 0.6, 500, 5.0
_REPEATS = 3


def measure(report: Report, environment: Mapping[str, str], folder: Path, say: Say) -> None:
    """Add the table and figures."""
    usual = write_flows(folder / "argo-flows", 1)[0].file
    theirs, ours = [], []
    with say("argo: warming byte code"):
        _metaflow(usual, environment)
        _ours(usual, environment, folder)
    # in turns, so that what else the machine does falls on both
    for turn in range(_REPEATS):
        with say(f"argo: Metaflow's command and flowinfra, cold ({turn + 1}/{_REPEATS})"):
            theirs.append(_metaflow(usual, environment))
            ours.append(_ours(usual, environment, folder))
    long = folder / "long" / "flow.py"
    long.parent.mkdir()
    long.write_text(long_flow(MANY_STEPS), encoding="utf-8")
    with say(f"argo: a flow of {MANY_STEPS} steps, cold"):
        many = median([_ours(long, environment, folder) for _ in range(_REPEATS)])
    one, other = median(ours), median(theirs)
    rows: list[list[float | str | None]] = [
        [str(STEPS), "Metaflow", other.seconds, other.cpu, 1.0],
        [str(STEPS), "flowinfra, cold", one.seconds, one.cpu, ratio(one.seconds, other.seconds)],
        [str(MANY_STEPS), "flowinfra, cold", many.seconds, many.cpu, None],
    ]
    report.tables.append(
        Table("Compile for Argo, whole processes", ("steps", "command", "seconds", "CPU seconds", "÷ Metaflow"), rows)
    )
    share = ratio(one.seconds, other.seconds)
    report.figures.append(Figure("argo: cold compile of 1 flow ÷ Metaflow", share, "x", Target(COLD_SHARE)))
    name = f"argo: cold compile of a flow of {MANY_STEPS} steps"
    report.figures.append(Figure(name, many.seconds, "s", Target(MANY_STEPS_SECONDS)))


def long_flow(steps: int) -> str:
    """A flow of so many steps in a row, as text."""
    names = ["start", *(f"step_{number}" for number in range(steps - 2)), "end"]
    following = [*(f"self.next(self.{name})" for name in names[1:]), "pass"]
    bodies = [
        f"    @step\n    def {name}(self):\n        {last}\n" for name, last in zip(names, following, strict=True)
    ]
    head = "from metaflow import FlowSpec, step\n\n\nclass LongFlow(FlowSpec):\n"
    return head + "\n".join(bodies) + '\n\nif __name__ == "__main__":\n    LongFlow()\n'


def _metaflow(flow: Path, environment: Mapping[str, str]) -> Ran:
    """Metaflow's own command; it also uploads the package, as `create` always does."""
    return run([sys.executable, flow.name, "argo-workflows", "create", "--only-json"], environment, flow.parent)


def _ours(flow: Path, environment: Mapping[str, str], folder: Path) -> Ran:
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        command = [str(Path(sys.executable).with_name("flowinfra")), "compile", str(flow), "-t", "argo"]
        return run(command, {**environment, "FLOWINFRA_CACHE": cache}, folder)
