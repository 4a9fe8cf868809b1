"""`flowinfra compile`: a flow as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from pydantic_core import to_json

from flowinfra.cli import values
from flowinfra.cli.failure import warn
from flowinfra.cli.request import flow_options, request, target_options, task_options
from flowinfra.cli.values import PAIR
from flowinfra.compiler import compile_flow, unreviewed_files, write_bundle
from flowinfra.errors import BundleError
from flowinfra.model.datastores import DATASTORES


@click.command("compile", short_help="compile a flow to data", epilog="Docs: docs/compile.md")
@click.argument("flow", type=click.Path(path_type=Path))
@click.argument("metaflow_options", nargs=-1, type=click.UNPROCESSED)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a bundle (NAME.flow) instead of JSON.")
@click.option("--name", help="Name of the deployed flow instead of its own.")
@click.option("--tag", "tags", multiple=True, help="Metaflow tag of each run.")
@click.option("--param", "parameters", type=PAIR, multiple=True, metavar="NAME JSON", help="Default of a Parameter.")
@target_options
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
        extra=metaflow_options,
        **options,
    )
    compiled = compile_flow(asked, warn)
    for words in unreviewed_files([(compiled, asked)])[0]:
        warn(f"{flow}: {words}")
    if output is None:
        click.echo(to_json(json.loads(compiled.to_json()), indent=2))
    else:
        write_bundle(compiled, output)
        click.echo(f"{output}: {compiled.flow.name}, {len(compiled.flow.steps)} steps, digest {compiled.digest}")
