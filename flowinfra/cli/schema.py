"""`flowinfra schema`: what editors check and complete a stack's file with."""

from __future__ import annotations

import click

from flowinfra.stack.schema import schema_text


@click.command("schema", short_help="JSON schema of a stack's file, for editors")
def command() -> None:
    """Print the JSON schema of `Pulumi.<stack>.yaml`.

    \b
      flowinfra schema > stacks/schema.json

    Editors with the YAML language server use it in files that begin with

    \b
      # yaml-language-server: $schema=schema.json
    """
    click.echo(schema_text(), nl=False)
