"""`flowinfra preview-stack`: a short-lived stack per pull request."""

from __future__ import annotations

from pathlib import Path

import click

from flowinfra.cli import completion
from flowinfra.operate.preview_stacks import Preview, down, up


@click.group("preview-stack", epilog="Docs: docs/preview-stacks.md")
def command() -> None:
    """Make and remove a short-lived copy of a stack: one command each, both safe to run again.

    \b
      flowinfra preview-stack up pr-42 --of dev
      flowinfra preview-stack down pr-42
    """


@command.command("up")
@click.argument("name")
@click.option(
    "--of",
    "of",
    required=True,
    metavar="STACK",
    shell_complete=completion.stacks,
    help="The stack whose flows and platform it has.",
)
def up_command(name: str, of: str) -> None:
    """Deploy preview stack NAME, or bring it up to date. NAME is what you like, such as a git branch.

    It has the flows of the other stack, with names, a @project branch and a datastore folder of its own, and its
    schedules are off. The first line says what the stack is called.
    """
    up(Preview(name), of, Path.cwd(), click.echo)


@command.command("down")
@click.argument("name", shell_complete=completion.previews)
def down_command(name: str) -> None:
    """Remove preview stack NAME with all that it left, whatever is left of it.

    Running executions and workflows are stopped; what runs on Airflow goes on to its end. Only a stack that `up` made
    is removed; its file is not needed.
    """
    down(Preview(name), Path.cwd(), click.echo)
