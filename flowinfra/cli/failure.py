"""How a command tells an error that is meant for users."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from flowinfra.errors import FlowInfraError


def fail(error: FlowInfraError, code: int = 1) -> NoReturn:
    """One message on stderr, no traceback, and the exit code."""
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(str(error), err=True)
    sys.exit(code)
