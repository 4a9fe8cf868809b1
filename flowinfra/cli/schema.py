"""`flowinfra schema`: what editors check and complete a stack's file with, and what a report for programs keeps to."""

from __future__ import annotations

import click

from flowinfra.report import document
from flowinfra.stack.schema import schema_text


@click.command("schema", short_help="JSON schema of a stack's file, for editors")
@click.argument("of", type=click.Choice(["stack", "report"]), default="stack")
def command(of: str) -> None:
    """Print the JSON schema of `Pulumi.<stack>.yaml`, or that of `flowinfra report -f json`.

    \b
      flowinfra schema > stacks/schema.json
      flowinfra schema report

    Editors with the YAML language server use it in files that begin with

    \b
      # yaml-language-server: $schema=schema.json
    """
    click.echo(schema_text() if of == "stack" else document.schema_text(), nl=False)
