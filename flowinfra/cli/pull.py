"""`flowinfra pull`: runs into the Client API's sight."""

from __future__ import annotations

import click

from flowinfra.operate.pull import pull


@click.command("pull")
@click.argument("what", metavar="FLOW[/RUN]")
def command(what: str) -> None:
    """Make runs visible to Metaflow's Client API without a metadata service.

    Pulls one run, or all runs of a flow that Step Functions, Argo or Airflow made, from the datastore in S3 that
    Metaflow's configuration names into the `.metaflow` folder that Metaflow uses here. For the embedded AWS:

    \b
      flowinfra local exec -- flowinfra pull ParameterFlow
    """
    flow, _, run = what.strip("/").partition("/")
    pulled = pull(flow, run or None)
    for each in pulled.runs:
        click.echo(each)
    click.echo(f"Metadata is in {pulled.metadata}.", err=True)
