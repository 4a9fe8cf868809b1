"""`flowinfra runs`: the last runs of a deployed flow."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import timezone
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from flowinfra.cli import completion, following
from flowinfra.cli.exit_codes import FOUND
from flowinfra.cli.run import follow
from flowinfra.operate.runs import watch
from flowinfra.operate.runs.account import Run
from flowinfra.operate.runs.reach import Reached, reach

_WIDE = 1000
"""Columns of a table that a program reads."""


@click.command("runs")
@click.argument("what", metavar="FLOW[/RUN]", shell_complete=completion.flows)
@click.option("-s", "--stack", required=True, shell_complete=completion.stacks, help="Stack that the flow is in.")
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Runs at most.")
@click.option("--follow", "follows", is_flag=True, help="Follow the run, or the last one, to its end.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(what: str, stack: str, limit: int, follows: bool, as_json: bool) -> None:
    """Show the last runs of a deployed FLOW: state, start, duration; the step that failed, and why.

    Says how to read the logs of the last one that failed and how to resume it; with a RUN, those of that run. Step
    Functions keeps the history of executions for 90 days, whether the flow logs it (`log_history`) or not. Of a flow
    on Argo these are the workflows that the cluster still has. Run it in the folder of the Pulumi project; for the
    embedded AWS under `flowinfra local exec --`.

    Exit codes: 0 shown, 1 error, 2 wrong use, 3 the RUN that was asked for, or followed, did not succeed.
    """
    name, _, run_id = what.strip("/").partition("/")
    reached = reach(stack, name, Path.cwd())
    if not run_id:
        runs = reached.runs.last(1 if follows else limit)
        if follows and runs:
            follow(reached, runs[0].ref, as_json)
        _show_all(reached, runs, as_json)
        return
    ref = reached.runs.ref_of(run_id)
    if follows:
        follow(reached, ref, as_json)
    _show_one(reached, reached.runs.run(ref), as_json)


def _show_all(reached: Reached, runs: Sequence[Run], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([following.run_as_json(reached, run) for run in runs], indent=2))
        return
    if not runs:
        click.echo(
            f"{reached.flow.name} has no run ({reached.forgets}). One is started by: flowinfra run {reached.flow.name} "
            f"-s {reached.stack}"
        )
        return
    table = Table("run", "state", "started (UTC)", box=None, header_style="bold", pad_edge=False)
    table.add_column("took", justify="right")
    table.add_column("failed step")
    table.add_column("reason", overflow="fold")
    for run in runs:
        failure = run.failure
        table.add_row(
            run.run_id,
            run.status,
            f"{run.started.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}",
            _took(run),
            (failure and failure.step) or "",
            failure.reason if failure else "",
        )
    terminal = Console()
    # in a pipe a run is one line, whatever its length
    console = terminal if terminal.is_terminal else Console(width=_WIDE)
    console.print(table)
    if failed := next((run for run in runs if run.failure), None):
        following.why(reached, failed)


def _show_one(reached: Reached, run: Run, as_json: bool) -> None:
    progress = reached.runs.progress(run.ref)
    if as_json:
        steps = following.progress_as_json(None, progress)["steps"]
        click.echo(json.dumps({**following.run_as_json(reached, run), "steps": steps}, indent=2))
    else:
        started = f"{run.started.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}"
        click.echo(f"{run.run_id} {run.status}, started {started} UTC{f', took {_took(run)}' if run.stopped else ''}")
        for step in progress.steps:
            click.echo(f"  {watch.describe(step)}")
        following.why(reached, run)
    if run.failure is not None:
        sys.exit(FOUND)


def _took(run: Run) -> str:
    """How long a run took, such as `1:02:03`."""
    if run.stopped is None:
        return ""
    seconds = int((run.stopped - run.started).total_seconds())
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}"
