"""`flowinfra recover`: after a deploy that was killed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from flowinfra.cli import completion
from flowinfra.operate.recover import recover


@click.command("recover")
@click.argument("stack", shell_complete=completion.stacks)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(stack: str, as_json: bool) -> None:
    """Mend the state of STACK after a deploy that was killed.

    A killed `pulumi up` may have made a state machine that the stack's state does not know, and the next one then
    fails because it exists. This takes it into the state, if it carries the stack's tags. Run it in the folder of the
    Pulumi project, between:

    \b
      pulumi cancel STACK
      flowinfra recover STACK
      pulumi up --refresh -s STACK
    """
    done = recover(stack, Path.cwd())
    if as_json:
        click.echo(json.dumps({"stack": stack, **asdict(done)}))
        return
    for name in done.adopted:
        click.echo(f"{name}: is there, and in the state now")
    for name in done.again:
        click.echo(f"{name}: is made (again) by the next deploy")
    if not done.adopted and not done.again:
        click.echo("Nothing was being made; the state is as it was.")
    else:
        click.echo(f"Next: pulumi up --refresh -s {stack}")
