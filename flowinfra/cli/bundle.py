"""`flowinfra bundle`: the flows of stacks, compiled ahead."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flowinfra.cli import completion
from flowinfra.cli.failure import warn
from flowinfra.engine.project import project_folder
from flowinfra.operate.bundles import bundle_stacks


@click.command("bundle", epilog="Docs: docs/bundles.md")
@click.argument("stacks", nargs=-1, required=True, metavar="STACK…", shell_complete=completion.stacks)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write; it must be new or empty."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(stacks: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Compile all flows of each STACK into a folder, to preview and deploy the same bytes anywhere.

    \b
      flowinfra bundle staging prod -o bundles
      pulumi preview -s prod --config-file bundles/Pulumi.prod.yaml
      pulumi up -s prod --config-file bundles/Pulumi.prod.yaml

    The last line of the output is the digest of bundles/SHA256SUMS, which stands for all of it.
    """
    names = [stack.rsplit("/", 1)[-1] for stack in stacks]
    made = bundle_stacks(project_folder(Path.cwd()), names, output.absolute(), warn)
    if as_json:
        told = {
            stack: [{"flow": each.flow.name, "digest": each.digest} for each in of] for stack, of in made.flows.items()
        }
        click.echo(json.dumps({"folder": str(output), "sums": made.sums.name, "digest": made.digest, "stacks": told}))
        return
    for stack, flows in made.flows.items():
        for flow in flows:
            click.echo(f"{stack}: {flow.flow.name} {flow.digest}", err=True)
    click.echo(f"{made.digest}  {output / made.sums.name}")
