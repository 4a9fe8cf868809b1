"""How a command shows an error that is meant for users."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from flowinfra.cli.exit_codes import ERROR
from flowinfra.errors import FlowInfraError, Problems


def fail(error: FlowInfraError, code: int = ERROR) -> NoReturn:
    """One message on stderr, no traceback, and the exit code."""
    several = isinstance(error, Problems) and len(error.errors) > 1
    text = str(error.errors[0]) if isinstance(error, Problems) and not several else str(error)
    click.secho("error:", fg="red", bold=True, nl=False, err=True)
    click.echo(f"\n{text}" if several else f" {text}", err=True)
    sys.exit(code)


def warn(text: str) -> None:
    """Say what a user should know of what is done all the same."""
    click.secho(f"warning: {text}", fg="yellow", err=True)
