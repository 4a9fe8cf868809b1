"""`python -m bench`: measure, print tables and figures with their targets."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import click

from bench import (
    compiling,
    compiling_airflow,
    compiling_argo,
    demo,
    deploying,
    deploying_argo,
    reviewing,
    starting,
    tables,
    trying,
)
from bench.embedded import embedded_aws
from bench.figures import Report
from bench.processes import BenchError
from flowinfra.errors import FlowInfraError

SECTIONS = (
    *("compile", "argo", "airflow", "size", "report", "mirror"),
    *("deploy", "argo-deploy", "airflow-deploy", "demo", "try", "start"),
)


class Sizes(click.ParamType[tuple[int, ...]]):
    """`1,10,100`."""

    name = "N,N,…"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(sorted({int(part) for part in value.split(",")}))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers such as 1,10", param, ctx)
        if not sizes or sizes[0] < 1 or sizes[-1] > 999:
            self.fail("sizes are from 1 to 999", param, ctx)
        return sizes


@click.command("bench")
@click.argument("sections", nargs=-1, type=click.Choice(SECTIONS))
@click.option("--sizes", type=Sizes(), default="1,10,100", show_default=True, help="Numbers of flows to measure.")
@click.option("--metaflow-sample", type=click.IntRange(min=1), help="Run Metaflow's command so often, extrapolate.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Write all of it to a file, too.")
@click.option("--check", is_flag=True, help="Exit code 1 if a target is missed.")
def command(
    sections: tuple[str, ...], sizes: tuple[int, ...], metaflow_sample: int | None, output: Path | None, check: bool
) -> None:
    """Measure flowinfra against Metaflow's own command and a bare Pulumi program.

    SECTIONS: compile, argo, airflow, size, report, mirror, deploy, argo-deploy, airflow-deploy, demo, try, start; all
    of them if none is named. Everything happens in a temporary folder, on an embedded AWS of its own; argo-deploy also
    needs the tests' cluster, and is skipped where that cannot run.
    """
    chosen = sections or SECTIONS
    report = Report(machine=_machine())
    # in the background of a shell SIGINT is ignored, by children too: Pulumi ends plugins by it and waits 5 s in vain
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    failure: Exception | None = None
    try:
        with tempfile.TemporaryDirectory(prefix="flowinfra-bench-") as folder:
            _measure(report, chosen, sizes, metaflow_sample, Path(folder))
    except (BenchError, FlowInfraError) as error:
        # what was measured before is shown all the same: it took its time
        failure = error
    report.machine["minutes"] = round((time.monotonic() - began) / 60, 1)
    report.machine["load after"] = round(os.getloadavg()[0], 1)
    out = tables.console()
    for table in report.tables:
        tables.show_table(out, table)
    tables.show_figures(out, report)
    if output is not None:
        output.write_text(json.dumps(report.to_data(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if failure is not None:
        raise click.ClickException(str(failure))
    if check and report.missed:
        sys.exit(1)


def _measure(report: Report, chosen: Sequence[str], sizes: Sequence[int], sample: int | None, folder: Path) -> None:
    if "start" in chosen:
        starting.measure(report, folder, say)
    if {"compile", "argo", "airflow", "size"} & set(chosen):
        with ExitStack() as stack:
            with say("starting the embedded AWS"):
                environment = stack.enter_context(embedded_aws(folder / "aws"))
            if "compile" in chosen:
                compiling.measure(report, sizes, environment, sample, folder, say)
            if "argo" in chosen:
                compiling_argo.measure(report, environment, folder, say)
            if "airflow" in chosen:
                compiling_airflow.measure(report, environment, folder, say)
            if "size" in chosen:
                compiling.measure_size(report, environment, folder, say)
    if "try" in chosen:
        trying.measure(report, folder, say)
    if "report" in chosen:
        reviewing.measure_report(report, sizes, folder, say)
    if "mirror" in chosen:
        reviewing.measure_mirror(report, sizes, folder, say)
    if "deploy" in chosen:
        deploying.measure(report, dict.fromkeys(sizes, deploying.STEP_FUNCTIONS), folder / "deploy", say)
    if "argo-deploy" in chosen:
        deploying_argo.measure(report, sizes, folder / "argo-deploy", say)
    if "airflow-deploy" in chosen:
        deploying.measure(report, dict.fromkeys(sizes, deploying.AIRFLOW), folder / "airflow-deploy", say)
    if "demo" in chosen:
        demo.measure(report, folder, say)


@contextmanager
def say(what: str) -> Iterator[None]:
    """Show on standard error what is being measured, and how long it took."""
    out = tables.console(stderr=True)
    began = time.monotonic()
    if out.is_terminal:
        with out.status(f"{what} …"):
            yield
    else:
        yield
    out.print(f"{time.monotonic() - began:7.1f} s  {what}", style="dim")


def _machine() -> dict[str, object]:
    return {
        "processors": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 1),
        "Python": platform.python_version(),
        "Metaflow": version("metaflow"),
        "Pulumi SDK": version("pulumi"),
        "system": platform.system(),
    }


if __name__ == "__main__":
    command(prog_name="python -m bench")
