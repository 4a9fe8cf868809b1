"""`flowinfra adopt`: flows that Metaflow's own commands deployed become a stack's."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from flowinfra.cli import completion
from flowinfra.model import clean
from flowinfra.operate.adopt.adopt import Adopted, adopt


@click.command("adopt", epilog="Docs: docs/adopt.md")
@click.argument("stack", shell_complete=completion.stacks)
@click.argument("flows", nargs=-1, metavar="[FLOW]...", shell_complete=completion.flows)
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(stack: str, flows: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Write flows that were deployed by `step-functions create` or `argo-workflows create` into STACK's file.

    Each FLOW is the name of a flow, of a state machine or of a WorkflowTemplate, or a flow's file; without any, all
    flows of the project that the account and the cluster have are looked for. The flow's entry gets its production
    token and the options that it was deployed with. Nothing is changed but the file: `pulumi preview` shows what
    differs, and the next `pulumi up` takes over what is deployed, with its executions, namespace and schedule. Run it
    in the folder of the Pulumi project, with credentials of the stack's account, and of its cluster.

    \b
      flowinfra adopt prod --dry-run
      flowinfra adopt prod FraudFlow flows/growth/growth_flow.py
      pulumi preview -s prod

    Exit codes: 0 done, or there was nothing to do; 1 error, and nothing was written.
    """
    found = adopt(stack, flows, Path.cwd(), dry_run)
    if as_json:
        click.echo(json.dumps({"stack": stack, "dry_run": dry_run, **asdict(found)}, indent=2))
    else:
        _tell(stack, found, dry_run)


def _tell(stack: str, found: Adopted, dry_run: bool) -> None:
    for each in found.adoptions:
        keys = ", ".join(each.keys) or "all of it is in the file"
        click.echo(clean.visible(f"{each.flow}, deployed by {each.owner}: {each.file}: {keys}"))
        for line in each.told:
            click.echo(clean.visible(f"  {line}"))
    for name, reason in found.left.items():
        click.echo(clean.visible(f"{name} is left alone: {reason}"))
    if not found.adoptions and not found.left:
        click.echo("Nothing is deployed by hand of a flow of this project, by its name.")
    if not found.changed:
        click.echo(f"{found.file} stays unchanged.")
        return
    click.echo(f"{found.file} {'would be' if dry_run else 'is'} changed; nothing else is.")
    if not dry_run:
        click.echo(f"Next: pulumi preview -s {stack}")
