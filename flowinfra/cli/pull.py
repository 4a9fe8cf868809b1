"""`flowinfra pull`: runs into the Client API's sight."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from flowinfra.cli import completion
from flowinfra.operate.pull import pull


@click.command("pull")
@click.argument("what", metavar="FLOW[/RUN]", shell_complete=completion.classes)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(what: str, as_json: bool) -> None:
    """Make runs visible to Metaflow's Client API without a metadata service.

    Pulls one run, or all runs of a flow that Step Functions, Argo or Airflow made, from the datastore in S3 that
    Metaflow's configuration names into the `.metaflow` folder that Metaflow uses here. For the embedded AWS:

    \b
      flowinfra local exec -- flowinfra pull ParameterFlow
    """
    flow, _, run = what.strip("/").partition("/")
    pulled = pull(flow, run or None)
    if as_json:
        runs = [asdict(run) for run in pulled.runs]
        click.echo(json.dumps({"flow": flow, "metadata": str(pulled.metadata), "runs": runs}))
        return
    for each in pulled.runs:
        click.echo(each)
    click.echo(f"Metadata is in {pulled.metadata}.", err=True)
