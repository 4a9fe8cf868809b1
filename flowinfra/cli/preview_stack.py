"""`flowinfra preview-stack`: a short-lived stack per pull request."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from flowinfra.cli import completion
from flowinfra.operate.preview_stacks import Preview, down, up

_STDERR = 2
"""File descriptor."""


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
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def up_command(name: str, of: str, as_json: bool) -> None:
    """Deploy preview stack NAME, or bring it up to date. NAME is what you like, such as a git branch.

    It has the flows of the other stack, with names, a @project branch and a datastore folder of its own, and its
    schedules are off. The first line says what the stack is called.
    """
    preview, out = Preview(name), _STDERR if as_json else None
    up(preview, of, Path.cwd(), partial(click.echo, err=as_json), out)
    if as_json:
        click.echo(json.dumps({"name": name, "stack": preview.stack, "of": of}))


@command.command("down")
@click.argument("name", shell_complete=completion.previews)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def down_command(name: str, as_json: bool) -> None:
    """Remove preview stack NAME with all that it left, whatever is left of it.

    Running executions and workflows are stopped; what runs on Airflow goes on to its end. Only a stack that `up` made
    is removed; its file is not needed.
    """
    preview, out = Preview(name), _STDERR if as_json else None
    removed = down(preview, Path.cwd(), partial(click.echo, err=as_json), out)
    if as_json:
        click.echo(json.dumps({"name": name, "stack": preview.stack, "removed": removed}))
