"""From a repository of flows to its first preview: `flowinfra init`, and `pulumi preview` on an embedded AWS."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench.embedded import embedded_aws
from bench.figures import Figure, Report, Target
from bench.flows import write_flows
from bench.processes import run

FLOWS, SECONDS = 30, 60.0


def measure(report: Report, folder: Path, say: Callable[[str], AbstractContextManager[object]]) -> None:
    """Add the time of both commands; with an empty compile cache."""
    repository = folder / "start"
    repository.mkdir()
    write_flows(repository, FLOWS)
    with embedded_aws(folder / "start-aws") as variables:
        environment = {**variables, "FLOWINFRA_CACHE": str(folder / "start-cache")}
        with say(f"flowinfra init, {FLOWS} flows"):
            began = run(["flowinfra", "init", "--yes", "--ci", "none"], environment, repository)
        run(["pulumi", "stack", "init", "local", "--no-select"], environment, repository)
        with say("first preview"):
            previewed = run(["pulumi", "preview", "-s", "local"], environment, repository)
    name = f"flowinfra init and first preview, {FLOWS} flows"
    report.figures.append(Figure(name, began.seconds + previewed.seconds, "s", Target(SECONDS)))
