"""`flowinfra compile`: a flow as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from flowinfra.cli import values
from flowinfra.cli.failure import warn
from flowinfra.cli.request import flow_options, request, task_options
from flowinfra.cli.values import PAIR
from flowinfra.compiler import compile_flow, unreviewed_files, write_bundle
from flowinfra.errors import BundleError
from flowinfra.model.datastores import DATASTORES


@click.command("compile", short_help="compile a flow to data", epilog="Docs: docs/compile.md")
@click.argument("flow", type=click.Path(path_type=Path))
@click.argument("metaflow_options", nargs=-1, type=click.UNPROCESSED)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a bundle (NAME.flow) instead of JSON.")
@click.option("--name", help="Name of the deployed flow instead of its own.")
@click.option("--name-prefix", help="Prefix of the state machine's name (METAFLOW_SFN_STATE_MACHINE_PREFIX).")
@click.option("--tag", "tags", multiple=True, help="Metaflow tag of each run.")
@click.option("--namespace", help="Namespace of runs instead of the production token's.")
@click.option("--param", "parameters", type=PAIR, multiple=True, metavar="NAME JSON", help="Default of a Parameter.")
@click.option("--max-workers", type=click.IntRange(min=1), default=100, show_default=True, help="Tasks at a time.")
@click.option("--workflow-timeout", type=click.IntRange(min=1), metavar="SECONDS", help="Time limit of an execution.")
@click.option("--distributed-map", is_flag=True, help="step-functions: distributed instead of inline maps.")
@click.option("--compress", is_flag=True, help="step-functions: keep commands in the datastore (small definitions).")
@click.option("--log-history", is_flag=True, help="step-functions: log execution history to CloudWatch.")
@click.option("--compute", type=click.Choice(["EC2", "FARGATE"]), default="EC2", help="step-functions: of the queue.")
@click.option("--workflow-priority", type=int, help="argo: higher ones run first.")
@click.option("--workflow-title", help="argo: shown in its UI instead of the flow's name.")
@click.option("--workflow-description", help="argo: shown in its UI instead of the flow's docstring.")
@click.option("--events", is_flag=True, help="argo: the platform has Argo Events.")
@click.option("--no-emit-events", "emit_events", flag_value=False, default=True, help="argo: steps send no events.")
@click.option(
    "--no-capture-errors",
    "capture_errors",
    flag_value=False,
    default=True,
    help="argo: no hook for a run's first error.",
)
@click.option("--heartbeat", is_flag=True, help="argo: a container tells that the run is alive.")
@click.option("--notify-on-error", is_flag=True, help="argo: tell when a run fails.")
@click.option("--notify-on-success", is_flag=True, help="argo: tell when a run succeeds.")
@click.option("--notify-slack", metavar="NAME/KEY", help="argo: Kubernetes Secret with the webhook's URL.")
@click.option("--notify-pager-duty", metavar="NAME/KEY", help="argo: Kubernetes Secret with the integration key.")
@click.option("--notify-incident-io", metavar="NAME/KEY", help="argo: Kubernetes Secret with the API key.")
@click.option("--incident-io-source", metavar="ID", help="argo: alert source of incident.io.")
@click.option("--incident-io-metadata", type=PAIR, multiple=True, metavar="KEY VALUE", help="argo: of each alert.")
@click.option("--worker-pool", help="airflow: its pool for the flow's tasks.")
@click.option("--paused", is_flag=True, help="airflow: a new DAG waits until it is unpaused there.")
@click.option(
    "--metadata",
    type=click.Choice(["local", "service"]),
    default="local",
    show_default=True,
    help="service: tasks tell Metaflow's service, whose URL the stack gives; local: only the datastore knows of runs.",
)
@click.option(
    "--datastore",
    default="s3",
    show_default=True,
    metavar="|".join(DATASTORES),
    help="Metaflow's; gs and azure: argo and airflow only.",
)
@task_options
@flow_options
def command(
    flow: Path,
    output: Path | None,
    parameters: tuple[tuple[str, str], ...],
    incident_io_metadata: tuple[tuple[str, str], ...],
    metaflow_options: tuple[str, ...],
    **options: Any,
) -> None:
    """Compile FLOW to data: what Metaflow would send to the cloud, without sending it.

    Prints the CompiledFlow as JSON, or writes a bundle with everything that a deployment needs. The result is the same
    on every machine; no network is used and no credentials are read. Options of Metaflow's own `create` that have no
    name here follow after `--`.

    \b
      flowinfra compile flow.py > flow.json
      flowinfra compile flow.py --with retry --tag nightly -o flow.flow
      flowinfra compile flow.py --branch main --production
      flowinfra compile flow.py -t argo --events
    """
    if output is not None and output.suffix != ".flow":
        raise BundleError(
            f"{output}: a bundle's name has to end with .flow, by which a stack knows it; for JSON leave -o out and "
            "redirect the output"
        )
    asked = request(
        flow,
        parameters=values.json_values(parameters),
        incident_io_metadata=dict(incident_io_metadata),
        extra=metaflow_options,
        **options,
    )
    compiled = compile_flow(asked, warn)
    for words in unreviewed_files([(compiled, asked)])[0]:
        warn(f"{flow}: {words}")
    if output is None:
        click.echo(json.dumps(json.loads(compiled.to_json()), indent=2, ensure_ascii=False))
    else:
        write_bundle(compiled, output)
        click.echo(f"{output}: {compiled.flow.name}, {len(compiled.flow.steps)} steps, digest {compiled.digest}")
