"""Compile time and size of the definition, against Metaflow's own command on the same flows.

Metaflow's command is `python flow.py step-functions create --only-json` on the embedded AWS, once per flow, as one
would run it; AWS itself answers later than a server on the same machine does, so this flatters Metaflow. Ours is a
whole process too: interpreter, imports, and `compile_flows`. Cold is an empty cache of flowinfra's; byte code of
installed packages is warm for both.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure, Report, Table, Target, ratio
from bench.flows import STEPS, BenchFlow, write_flows
from bench.processes import BenchError, Ran, run
from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.components.names import Names
from flowinfra.components.outputs import FlowFile
from flowinfra.components.site import Site
from flowinfra.local import identity, platform
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.plan import FlowPlan

Say = Callable[[str], AbstractContextManager[object]]
"""Shows what is being measured while it is."""

COLD_SHARE, CACHED_MS, MANY_TIMES, SIZE_SHARE = 0.5, 15.0, 4.0, 0.15
_CACHED_CALLS = 100
"""Calls that a cached compile is the median of, about."""
_FILLS = 4
"""Attempts to have all flows in the cache: what is written while it is compiled is not kept."""
_REPEATS = 3
"""Measurements of one flow, of which the median counts."""


@dataclass(frozen=True)
class CompileTimes:
    """Seconds for a number of flows."""

    flows: int
    metaflow: Ran
    cold: Ran
    cached: Ran
    cached_each_ms: float
    extrapolated_from: int | None
    """Number of Metaflow's commands that were really run, where it is not all."""


def measure(
    report: Report, sizes: Sequence[int], environment: Mapping[str, str], sample: int | None, folder: Path, say: Say
) -> None:
    """Add the table and figures of compile time."""
    flows = write_flows(folder / "flows", max(sizes))
    with say("warming byte code"):
        _metaflow(flows[0], environment)
        _ours(flows[:1], environment, folder)
    times = [_times(flows[:size], environment, sample, folder, say) for size in sorted(sizes)]
    with say("timing the command"):
        command = median([_command(flows[0], environment, folder) for _ in range(_REPEATS)])
    report.tables.append(_table(times, command))
    for each in times:
        share = ratio(each.cold.seconds, each.metaflow.seconds)
        if each.flows == 1:
            report.figures.append(Figure("cold compile of 1 flow ÷ Metaflow", share, "x", Target(COLD_SHARE)))
        elif each.flows >= 100:
            speed = ratio(each.metaflow.seconds, each.cold.seconds)
            name = f"Metaflow ÷ cold compile of {each.flows} flows"
            report.figures.append(Figure(name, speed, "x", Target(MANY_TIMES, at_least=True)))
    worst = max(each.cached_each_ms for each in times)
    report.figures.append(Figure("cached compile in a process", worst, "ms", Target(CACHED_MS)))


def measure_size(report: Report, environment: Mapping[str, str], folder: Path, say: Say) -> None:
    """Add the size of one flow's definition, bound to the embedded AWS's own platform as Metaflow's is."""
    with say("measuring the definition"):
        flow = write_flows(folder / "size", 1)[0]
        theirs = len(_metaflow(flow, environment).output.strip())
        compiled = compile_flow(CompileRequest(flow=flow.file))
        site = Site(
            partition="aws",
            region=identity.REGION,
            account=identity.ACCOUNT,
            bucket=platform.NAME,
            prefix=platform.PREFIX,
            queue=platform.NAME,
            table=platform.NAME,
            job_role=platform.role_arn(platform.JOB_ROLE),
        )
        assert isinstance(compiled, StepFunctionsCompiled)
        plan = FlowPlan(compiled, Names("bench", "local", compiled.name), file=FlowFile(compiled.flow.file))
        ours = len(plan.bound(site).definition_text)
    report.tables.append(
        Table(
            f"Definition of one flow ({STEPS} steps)",
            ("", "characters", "characters per step"),
            [("Metaflow", theirs, theirs / STEPS), ("flowinfra", ours, ours / STEPS)],
        )
    )
    report.figures.append(Figure("definition ÷ Metaflow's", ratio(ours, theirs), "x", Target(SIZE_SHARE)))


def _times(
    flows: Sequence[BenchFlow], environment: Mapping[str, str], sample: int | None, folder: Path, say: Say
) -> CompileTimes:
    count = len(flows)
    repeats = _REPEATS if count == 1 else 1
    run_really = flows if sample is None or count <= sample else flows[:sample]
    theirs, cold = [], []
    # in turns, so that what else the machine does falls on both
    for turn in range(repeats):
        with say(f"{count} flows: Metaflow's command {len(run_really)} times ({turn + 1}/{repeats})"):
            theirs.append(_sum([_metaflow(flow, environment) for flow in run_really]))
        with say(f"{count} flows: flowinfra, cold ({turn + 1}/{repeats})"):
            cold.append(_ours(flows, environment, folder)[0])
    metaflow = median(theirs)
    scale = count / len(run_really)
    with tempfile.TemporaryDirectory(dir=folder) as cache, say(f"{count} flows: flowinfra, cached"):
        cached = _cached(flows, environment, folder, cache)
        _, repeated = _ours(flows, environment, folder, cache, repeat=max(1, _CACHED_CALLS // count))
    return CompileTimes(
        flows=count,
        metaflow=Ran(metaflow.seconds * scale, metaflow.cpu * scale, ""),
        cold=median(cold),
        cached=cached,
        cached_each_ms=repeated["each"] * 1000,
        extrapolated_from=len(run_really) if scale > 1 else None,
    )


def _metaflow(flow: BenchFlow, environment: Mapping[str, str]) -> Ran:
    """Metaflow's own command; it also uploads the package and registers job definitions, as `create` always does."""
    command = [sys.executable, flow.file.name, "step-functions", "create", "--only-json"]
    return run(command, environment, flow.folder)


def _ours(
    flows: Sequence[BenchFlow], environment: Mapping[str, str], folder: Path, cache: str | None = None, repeat: int = 0
) -> tuple[Ran, dict[str, float]]:
    """A process that compiles; with an empty cache unless one is given."""
    task = json.dumps({"flows": [str(flow.file) for flow in flows], "jobs": None, "repeat": repeat})
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        variables = {**environment, "FLOWINFRA_CACHE": cache or fresh}
        ran = run([sys.executable, str(Path(__file__).with_name("compile_child.py"))], variables, folder, text=task)
    answer: dict[str, float] = json.loads(ran.output)
    return ran, answer


def _cached(flows: Sequence[BenchFlow], environment: Mapping[str, str], folder: Path, cache: str) -> Ran:
    """A process in which all flows come from the cache."""
    for _ in range(_FILLS):
        ran, answer = _ours(flows, environment, folder, cache)
        if answer["cached"] == len(flows):
            return ran
    raise BenchError(
        f"{len(flows) - answer['cached']:.0f} of {len(flows)} flows do not come from the cache: "
        "files that a compile reads change meanwhile (packages being installed?); measure again when they do not"
    )


def _command(flow: BenchFlow, environment: Mapping[str, str], folder: Path) -> Ran:
    """`flowinfra compile` of one flow, cold."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        command = [str(Path(sys.executable).with_name("flowinfra")), "compile", str(flow.file)]
        return run(command, {**environment, "FLOWINFRA_CACHE": cache}, folder)


def _table(times: Sequence[CompileTimes], command: Ran) -> Table:
    rows: list[list[float | str | None]] = []
    for each in times:
        for name, ran in (
            ("Metaflow", each.metaflow),
            ("flowinfra, cold", each.cold),
            ("flowinfra, cached", each.cached),
        ):
            what = "Metaflow (extrapolated)" if name == "Metaflow" and each.extrapolated_from else name
            share = ratio(ran.seconds, each.metaflow.seconds)
            per_flow = each.cached_each_ms if ran is each.cached else None
            rows.append([str(each.flows), what, ran.seconds, ran.cpu, share, per_flow])
    rows.append(["1", "`flowinfra compile`, cold", command.seconds, command.cpu, None, None])
    samples = {each.extrapolated_from for each in times if each.extrapolated_from}
    notes = [f"Metaflow extrapolated from {sample} commands" for sample in sorted(samples)]
    columns = ("flows", "command", "seconds", "CPU seconds", "÷ Metaflow", "ms per flow in a process")
    return Table("Compile, whole processes", columns, rows, notes)


def median(runs: Sequence[Ran]) -> Ran:
    """The middle one of several measurements."""
    return Ran(statistics.median(r.seconds for r in runs), statistics.median(r.cpu for r in runs), "")


def _sum(runs: Sequence[Ran]) -> Ran:
    return Ran(sum(r.seconds for r in runs), sum(r.cpu for r in runs), "")
