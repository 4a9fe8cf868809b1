"""What looking at a flow's imports adds to a cold compile, and how long `flowinfra try` takes.

The looking is timed as processor time of `import_child.py`, which does what the compile's child does at its end, on a
flow with a helper module and an installed package whose name is not its module's. `try` is the whole command on a flow
of three steps in a row, with an empty compile cache the first time.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench.figures import Figure, Report, Table, Target
from bench.processes import run

IMPORTS_MS, TRY_SECONDS = 20.0, 8.0
_REPEATS = 3
_FLOW = """
import helper
import yaml
from metaflow import FlowSpec, step

class LinearFlow(FlowSpec):
    @step
    def start(self):
        self.value = helper.VALUE
        self.next(self.add)

    @step
    def add(self):
        import json
        self.value += 1
        self.next(self.end)

    @step
    def end(self):
        print(self.value)

if __name__ == "__main__":
    LinearFlow()
"""
_HELPER = """
from pathlib import Path
import requests

VALUE = 1
"""


def measure(report: Report, folder: Path, say: Callable[[str], AbstractContextManager[object]]) -> None:
    """Add the table and figures."""
    flow = folder / "try" / "flow.py"
    flow.parent.mkdir()
    flow.write_text(_FLOW, encoding="utf-8")
    (flow.parent / "helper.py").write_text(_HELPER, encoding="utf-8")
    variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)}
    child = [sys.executable, str(Path(__file__).with_name("import_child.py")), str(flow)]
    with say("looking at imports"):
        looking = statistics.median(float(run(child, variables, folder).output) for _ in range(_REPEATS))
    command = [str(Path(sys.executable).with_name("flowinfra")), "try", str(flow), "--image-package", "pyyaml"]
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        keeping = {**variables, "FLOWINFRA_CACHE": cache}
        with say("flowinfra try, first"):
            first = run(command, keeping, folder)
        with say(f"flowinfra try, again ({_REPEATS} times)"):
            again = min((run(command, keeping, folder) for _ in range(_REPEATS)), key=lambda ran: ran.seconds)
    report.tables.append(
        Table(
            "`flowinfra try` of three steps in a row",
            ("", "seconds", "processor, s"),
            [("first, empty cache", first.seconds, first.cpu), ("again", again.seconds, again.cpu)],
        )
    )
    report.figures.append(Figure("imports looked at, of a cold compile", looking, "ms", Target(IMPORTS_MS)))
    report.figures.append(Figure("flowinfra try of three steps", first.seconds, "s", Target(TRY_SECONDS)))
