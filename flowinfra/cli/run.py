"""`flowinfra run`: a person's trigger of a deployed flow."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from flowinfra.cli import completion, following
from flowinfra.cli.exit_codes import FOUND, INTERRUPTED
from flowinfra.errors import ClusterError, ToolError
from flowinfra.operate.runs import included, parameters
from flowinfra.operate.runs.progress import run_id
from flowinfra.operate.runs.reach import Reached, reach


@click.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("flow", shell_complete=completion.flows)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--PARAMETER VALUE]...")
@click.option("-s", "--stack", required=True, shell_complete=completion.stacks, help="Stack that the flow is in.")
@click.option("--no-follow", is_flag=True, help="Start it only.")
@click.option("--json", "as_json", is_flag=True, help="For programs; steps go to standard error.")
def command(flow: str, words: tuple[str, ...], stack: str, no_follow: bool, as_json: bool) -> None:
    """Start a run of a deployed FLOW, with the stack's defaults, and follow it to its end.

    FLOW is the flow's class, or what it is deployed as. What is not given has the default that the stack deployed;
    Metaflow's own `trigger` sends the defaults of the code that it is run from. An IncludeFile takes the path of a
    file here. A parameter that has the name of an option follows `--`. Ctrl-C ends the following, and the run goes on.
    For flows on Step Functions and on Argo; Airflow starts its own by `airflow dags trigger`. Run it in the folder of
    the Pulumi project; for the embedded AWS under `flowinfra local exec --`.

    \b
      flowinfra run TrainFlow -s prod --alpha 0.5
      flowinfra run TrainFlow -s prod --no-follow --json

    Exit codes: 0 the run succeeded, or was started with --no-follow; 1 error; 2 wrong use; 3 the run did not succeed;
    130 Ctrl-C.
    """
    reached = reach(stack, flow, Path.cwd())
    takes = parameters.of_inputs(reached.flow.flow, reached.flow.inputs)
    values = parameters.checked(takes, parameters.parse(words))
    config = reached.flow.outputs.get("metaflow_config") or {}
    included.refuse_elsewhere(values, config, reached.flow.trigger)
    ref = reached.runs.start(included.stored(values, reached.flow.flow, config, reached.s3))
    if no_follow:
        shown = {"flow": reached.flow.flow, "run_id": run_id(ref), **following.place(ref), "status": "RUNNING"}
        click.echo(json.dumps(shown) if as_json else run_id(ref))
        return
    if not as_json:
        click.echo(run_id(ref))
    follow(reached, ref, as_json)


def follow(reached: Reached, ref: str, as_json: bool) -> None:
    """Follow a run to its end, say how it ended, and exit with it."""
    runs = reached.runs
    again = f"flowinfra runs {reached.flow.name}/{run_id(ref)} -s {reached.stack} --follow"
    try:
        progress = following.follow(lambda: runs.progress(ref), as_json=as_json, interval=runs.interval)
    except KeyboardInterrupt:
        click.echo(f"Not followed any more; the run goes on. To follow it again: {again}", err=True)
        sys.exit(INTERRUPTED)
    except (ToolError, ClusterError) as error:
        raise type(error)(f"{error}\nThe run was started and goes on. To follow it again: {again}") from None
    run = runs.run(ref)
    if as_json:
        data = following.run_as_json(reached, run)
        click.echo(json.dumps({**data, "steps": following.progress_as_json(None, progress)["steps"]}, indent=2))
    elif run.failure is None:
        following.told(progress)
    else:
        following.why(reached, run)
    sys.exit(0 if progress.status == "SUCCEEDED" else FOUND)
