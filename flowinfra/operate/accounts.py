"""The account that a stack is in, and credentials of another one refused before anything is done."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import boto3

from flowinfra.clouds.aws import Access, accounts_of, refuse_foreign_buckets, refuse_other_account
from flowinfra.engine.command import pulumi
from flowinfra.errors import ToolError


def refuse_strangers(
    session: boto3.Session, stack: str, folder: Path, access: Access, buckets: Collection[str]
) -> None:
    """Refuse credentials of another account than the stack's.

    That is known from the stack's state, else from its file, else from the owner of its bucket.

    Args:
        session: what is asked about.
        stack: its name.
        folder: of the Pulumi project.
        access: how the stack's file says that its account is reached.
        buckets: of its datastore.

    Raises:
        ToolError: they are of another account, or AWS does not say.
    """
    who = f"the stack {stack!r}"
    accounts = _deployed(stack, folder) or access.accounts
    refuse_other_account(session, accounts, who)
    if not accounts:
        refuse_foreign_buckets(session, buckets, who)


def _deployed(stack: str, folder: Path) -> set[str]:
    """Accounts that the stack's state says it is deployed in; empty without a state, and after a `destroy`."""
    try:
        state = json.loads(pulumi(folder, "stack", "export", "--stack", stack))
    except ToolError:
        return set()
    return accounts_of((state.get("deployment") or {}).get("resources") or ())
