"""`flowinfra why`: what made two compiled flows differ."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from flowinfra.compiler import read_compiled
from flowinfra.why import causes


@click.command("why", short_help="which input made two compiled flows differ")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Causes as JSON.")
def command(old: Path, new: Path, as_json: bool) -> None:
    """Say which input made two compiled flows differ: a file, an option, a Config, Metaflow's version, a setting.

    OLD and NEW are bundles (`flowinfra compile -o NAME.flow`) or the JSON that `flowinfra compile` prints.

    \b
      flowinfra why main.flow branch.flow
    """
    found = causes(read_compiled(old), read_compiled(new))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(cause) for cause in found], indent=2, ensure_ascii=False))
    elif not found:
        click.echo("equal, byte for byte")
    else:
        for cause in found:
            click.echo(str(cause))
