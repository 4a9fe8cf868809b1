"""How `run`, `runs` and `local run` show a run: step by step to its end, and as data for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from flowinfra.operate.runs import advice, watch
from flowinfra.operate.runs.account import Run
from flowinfra.operate.runs.progress import Progress
from flowinfra.operate.runs.reach import Reached


def follow(look: Callable[[], Progress], *, as_json: bool, interval: float = watch.INTERVAL) -> Progress:
    """Show an execution until it ends; where a program reads standard output, on standard error."""
    with watch.view(Console(stderr=as_json)) as view:
        return watch.follow(look, view, interval)


def told(progress: Progress, *, err: bool = False) -> None:
    """Say in one line how an execution ended."""
    if progress.status == "SUCCEEDED":
        click.secho(f"{progress.run_id} SUCCEEDED", fg="green", err=err)
    else:
        cause = f": {progress.error}" if progress.error else ""
        click.secho(f"{progress.run_id} {progress.status}{cause}", fg="red", err=True)


def progress_as_json(flow: str | None, progress: Progress) -> dict[str, Any]:
    """An execution for programs."""
    return {
        "flow": flow,
        "run_id": progress.run_id,
        **place(progress.ref),
        "status": progress.status,
        "steps": [
            {
                "name": step.name,
                "state": step.state,
                "tasks": step.total,
                "done": step.done,
                "attempts": step.attempts,
                "seconds": watch.seconds(step, None),
            }
            for step in progress.steps
        ],
    }


def run_as_json(reached: Reached, run: Run) -> dict[str, Any]:
    """A run for programs, with what to do about it."""
    failure = run.failure
    return {
        "flow": reached.flow.flow,
        "run_id": run.run_id,
        **place(run.ref),
        "status": run.status,
        "started": run.started.isoformat(timespec="seconds"),
        "stopped": run.stopped and run.stopped.isoformat(timespec="seconds"),
        "seconds": run.stopped and round((run.stopped - run.started).total_seconds(), 1),
        "failed_step": failure and failure.step,
        "failed_task": failure and failure.task,
        "reason": failure and failure.reason,
        "exit_code": failure and failure.exit_code,
        "logs": failure and advice.logs(reached.flow.trigger, run.run_id, failure, reached.where),
        "resume": failure and advice.resume(reached.flow.trigger, run.run_id, reached.where),
    }


def place(ref: str) -> dict[str, str]:
    """Where a run is, for programs: its ARN, or its workflow."""
    return {"arn" if ref.startswith("arn:") else "workflow": ref}


def why(reached: Reached, run: Run) -> None:
    """Say why a run failed, and the commands that read its logs and go on with it."""
    failure = run.failure
    if failure is None:
        return
    place = "no step failed" if failure.step is None else f"step {failure.step}"
    code = f"exit code {failure.exit_code}"
    code = "" if failure.exit_code is None or code in failure.reason else f", {code}"
    click.secho(f"{run.run_id} {run.status}, {place}: {failure.reason}{code}", fg="red", err=True)
    if command := advice.logs(reached.flow.trigger, run.run_id, failure, reached.where):
        click.echo(f"  logs    {command}", err=True)
    click.echo(f"  resume  {advice.resume(reached.flow.trigger, run.run_id, reached.where)}", err=True)
