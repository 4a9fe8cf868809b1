"""`flowinfra why`: what made two versions of a flow differ."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from flowinfra.cli import completion
from flowinfra.compare.versions import explain, read_version
from flowinfra.model import clean


@click.command("why", short_help="which input made two versions of a flow differ", epilog="Docs: docs/mirror.md")
@click.argument("old", shell_complete=completion.stacks_or_files)
@click.argument("new", shell_complete=completion.stacks_or_files)
@click.option("--json", "as_json", is_flag=True, help="Causes as JSON.")
def command(old: str, new: str, as_json: bool) -> None:
    """Say which input made two versions of a flow differ: a file, an option, a Config, Metaflow's version, a setting.

    OLD and NEW are bundles (`flowinfra compile -o NAME.flow`), the JSON that `flowinfra compile` prints, states of
    stacks (`pulumi stack export`), stacks, or their earlier deployments: STACK@1 is the first. All flows of a stack
    are compared, or the one of the bundle that is the other side.

    \b
      flowinfra why main.flow branch.flow
      flowinfra why prod train.flow
      flowinfra why prod@41 prod
    """
    versions = [read_version(text, Path.cwd()) for text in (old, new)]
    found = explain(*versions)
    one = all(version.compiled is not None for version in versions)
    if as_json:
        told = [{"flow": flow, **dataclasses.asdict(cause)} for flow, causes in found.items() for cause in causes]
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif not found:
        click.echo("equal, byte for byte" if one else "equal in all that the states say")
    for flow, causes in found.items() if not as_json else ():
        for cause in causes:
            click.echo(clean.visible(str(cause) if one else f"{flow}: {cause}"))
