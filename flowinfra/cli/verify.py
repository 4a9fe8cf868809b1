"""`flowinfra verify`: whether what is live is what was deployed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from flowinfra.cli import completion
from flowinfra.cli.exit_codes import ERROR, FOUND
from flowinfra.operate.recover import access_of
from flowinfra.operate.verify.stack import Verified, verify


@click.command("verify")
@click.argument("stack", shell_complete=completion.stacks)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(stack: str, as_json: bool) -> None:
    """Compare what is live in AWS with what STACK deployed.

    For each flow: its definition and the revisions that it pins, logging, schedule, roles and their policies, tags, and
    the objects that its tasks load; and updates that failed. Nothing is changed; what differs is put back by
    `pulumi up --refresh`. Run it in the folder of the Pulumi project, after each deploy.

    Exit codes: 0 all is as deployed, 1 error, or AWS did not say of everything, 3 something differs.
    """
    terminal = Console(stderr=True)
    with terminal.status("reading the stack's state") as status:
        found = verify(
            stack,
            Path.cwd(),
            access_of(stack, Path.cwd()),
            lambda done, of: status.update(f"{done} of {of} resources looked at"),
        )
    if as_json:
        click.echo(json.dumps({"stack": stack, **asdict(found)}, indent=2))
    else:
        _tell(stack, found)
    if not found.complete:
        sys.exit(ERROR)
    sys.exit(FOUND if found.differences else 0)


def _tell(stack: str, found: Verified) -> None:
    counted = f"{found.flows} flows, {found.resources} resources"
    if found.differences:
        table = Table("Flow", "Resource", "What differs", box=None, header_style="bold", pad_edge=False)
        for each in found.differences:
            table.add_row(each.flow, each.resource, each.what)
        Console().print(table)
        click.echo(f"{len(found.differences)} differences in {counted}. What differs is put back by:")
        click.echo(f"  pulumi up --refresh -s {stack}")
    else:
        click.echo(f"All is as deployed: {counted}.")
    if found.not_looked_at:
        listed = ", ".join(f"{number} {kind}" for kind, number in found.not_looked_at.items())
        click.echo(f"Not looked at, for it is outside of AWS or holds a secret: {listed}.")
