"""`flowinfra permissions`: the IAM policy that a purpose needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import click

from flowinfra.cli import completion
from flowinfra.engine.project import project_folder
from flowinfra.operate.permissions import MANAGED_POLICY_CHARACTERS, permissions, size
from flowinfra.operate.rights import PURPOSES, Purpose


@click.command("permissions", epilog="Docs: docs/permissions.md")
@click.argument("stack", shell_complete=completion.stacks)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(PURPOSES),
    required=True,
    help="preview: `pulumi preview --refresh`; deploy: `pulumi up`; destroy: `pulumi destroy` and `flowinfra gc`; "
    "laptop: Metaflow's own commands and Client API.",
)
def command(stack: str, purpose: str) -> None:
    """Print the IAM policy that work with STACK needs, scoped to the stack's names.

    It follows from the stack's file and its flows; no cloud is asked. Pulumi's own state, where it is in S3 or
    encrypted with KMS, needs rights of its own.
    """
    policy = permissions(stack.rsplit("/", 1)[-1], cast(Purpose, purpose), project_folder(Path.cwd()))
    click.echo(json.dumps(policy, indent=2))
    if (found := size(policy)) > MANAGED_POLICY_CHARACTERS:
        click.echo(
            f"The policy has {found:,} characters and a managed policy takes {MANAGED_POLICY_CHARACTERS:,}: "
            "make two of its statements, or give the stack a `name_prefix`, which stands for the names of all flows.",
            err=True,
        )
