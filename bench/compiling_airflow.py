"""Compile time for Airflow against Metaflow's own command, and how long Airflow takes to import the DAG.

Metaflow's command is `python flow.py airflow create FILE` with its datastore on the embedded AWS, ours `flowinfra
compile flow.py -t airflow` with an empty cache: whole processes both. The import is that of Airflow 2.10, the newest
in which Metaflow's own DAG of a flow can be made to import at all: see `import_dag.py`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.compiling import Say, median
from bench.compiling_argo import long_flow
from bench.figures import Figure, Report, Table, Target, ratio
from bench.flows import STEPS, write_flows
from bench.processes import Ran, run
from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.targets.airflow.bound import bind
from flowinfra.targets.airflow.compiled import AirflowCompiled
from tests.airflow.installations import python_with

COLD_SHARE, IMPORT_SHARE = 0.7, 1.0
IMPORT = Path(__file__).with_name("import_dag.py")
AIRFLOW = "2.10"
_REPEATS = 3
_IDENTITY = {
    "bucket": "metaflow-local",
    "prefix": "metaflow",
    "kubernetes-namespace": "jobs",
    "service-account": "default",
    "owner": "flowinfra",
    "token": "token",
}


def measure(report: Report, environment: Mapping[str, str], folder: Path, say: Say) -> None:
    """Add the table and figures."""
    flow = write_flows(folder / "airflow-flows", 1)[0].file
    theirs, ours = [], []
    with say("airflow: warming byte code"):
        _metaflow(flow, environment, folder)
        _ours(flow, environment, folder)
    # in turns, so that what else the machine does falls on both
    for turn in range(_REPEATS):
        with say(f"airflow: Metaflow's command and flowinfra, cold ({turn + 1}/{_REPEATS})"):
            theirs.append(_metaflow(flow, environment, folder))
            ours.append(_ours(flow, environment, folder))
    one, other = median(ours), median(theirs)
    share = ratio(one.seconds, other.seconds)
    rows: list[list[float | str | None]] = [
        ["Metaflow", other.seconds, other.cpu, 1.0],
        ["flowinfra, cold", one.seconds, one.cpu, share],
    ]
    title = f"Compile for Airflow, whole processes ({STEPS} steps)"
    report.tables.append(Table(title, ("command", "seconds", "CPU seconds", "÷ Metaflow"), rows))
    report.figures.append(Figure("airflow: cold compile of 1 flow ÷ Metaflow", share, "x", Target(COLD_SHARE)))
    with say(f"airflow: import by Airflow {AIRFLOW} (installs it where it is missing)"):
        _measure_import(report, environment, folder)


def _measure_import(report: Report, environment: Mapping[str, str], folder: Path) -> None:
    """A linear flow's DAG, as Metaflow writes it and as we do."""
    flow = folder / "airflow-linear" / "flow.py"
    flow.parent.mkdir()
    flow.write_text(long_flow(STEPS), encoding="utf-8")
    _metaflow(flow, environment, folder)
    compiled = compile_flow(CompileRequest(flow, "airflow"))
    assert isinstance(compiled, AirflowCompiled)
    (folder / "ours.py").write_text(bind(compiled, _IDENTITY).file, encoding="utf-8")
    command = [python_with(AIRFLOW), str(IMPORT), str(folder / "metaflows.py"), str(folder / "ours.py")]
    home = {"AIRFLOW_HOME": str(folder / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    seconds = json.loads(run(command, {**environment, **home}, folder).output.splitlines()[-1])
    theirs, ours = seconds["metaflows"], seconds["ours"]
    report.tables.append(
        Table(
            f"Import of a DAG of {STEPS} linear steps by Airflow {AIRFLOW}",
            ("", "ms", "÷ Metaflow"),
            [("Metaflow", theirs * 1000, 1.0), ("flowinfra", ours * 1000, ratio(ours, theirs))],
        )
    )
    name = "airflow: import of a DAG ÷ Metaflow's"
    report.figures.append(Figure(name, ratio(ours, theirs), "x", Target(IMPORT_SHARE)))


def _metaflow(flow: Path, environment: Mapping[str, str], folder: Path) -> Ran:
    """Metaflow's own command; it also uploads the package, as `create` always does."""
    command = [sys.executable, flow.name, "airflow", "create", str(folder / "metaflows.py")]
    return run(command, environment, flow.parent)


def _ours(flow: Path, environment: Mapping[str, str], folder: Path) -> Ran:
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        command = [str(Path(sys.executable).with_name("flowinfra")), "compile", str(flow), "-t", "airflow"]
        return run(command, {**environment, "FLOWINFRA_CACHE": cache}, folder)
