"""`flowinfra rollback`: flows as an earlier deployment left them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from flowinfra.cli import completion
from flowinfra.cli.exit_codes import FOUND
from flowinfra.cli.failure import warn
from flowinfra.engine.project import project_folder
from flowinfra.model.deployments import Numbered
from flowinfra.operate.rollback import Choice, Rollback, choose, secret_warnings, source
from flowinfra.operate.rollback.choice import changes
from flowinfra.report import document, text

_STDERR = 2
"""File descriptor."""
_SHOWN = 12
"""Characters of a commit and of a digest that a person reads."""
_WIDTH = 1_000
_MARKS = {"added": "+", "changed": "~", "removed": "-"}


@click.command("rollback", epilog="Docs: docs/rollback.md")
@click.argument("stack", shell_complete=completion.stacks)
@click.argument("flow", required=False, shell_complete=completion.flows)
@click.option(
    "--to",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="The deployment that comes back.  [default: the last one in which the flow, or one of all, is otherwise]",
)
@click.option("--list", "lists", is_flag=True, help="Show the deployments that are kept, and do nothing.")
@click.option("--others", is_flag=True, help="Let it change also what does not belong to the rollback.")
@click.option("--yes", is_flag=True, help="Deploy without asking.")
@click.option("--json", "as_json", is_flag=True, help="For programs; deploys only with --yes.")
def command(stack: str, flow: str | None, to: int | None, lists: bool, others: bool, yes: bool, as_json: bool) -> None:
    """Deploy flows of STACK as an earlier deployment left them: one FLOW, or all.

    Shows what changes, asks, and deploys. The sources of then are not needed: each deployment keeps its compiled flows.
    Run it in a checkout of the project; running executions end as they began. The platform stays as it is, and so do
    flows that were not there then.

    \b
      flowinfra rollback prod --list
      flowinfra rollback prod TrainFlow
      flowinfra rollback prod --to 41

    Exit codes: 0 done, or nothing to change, 1 error, 2 wrong use, 3 something would change and it was not deployed.
    """
    if lists and (flow or to or yes or others):
        raise click.UsageError("--list shows all deployments: leave FLOW, --to, --others and --yes out")
    root = project_folder(Path.cwd())
    kept = source(root, stack)
    deployments = kept.deployments(to)
    if lists:
        _list(stack, deployments, as_json)
        return
    choice = choose(deployments, stack, flow, to)
    if not as_json:
        _tell(choice, stack)
    with tempfile.TemporaryDirectory(prefix="flowinfra-rollback-") as folder:
        rollback = Rollback.prepared(root, stack, choice, kept, Path(folder))
        if kept.session is not None:
            for words in secret_warnings(rollback.compiled, kept.session):
                warn(words)
        report = rollback.report()
        if not as_json:
            text.render(report, sys.stdout)
            sys.stdout.flush()  # Pulumi writes to the same place
        if report.changes and not others:
            rollback.refuse_strangers(report)
        deploys = report.changes and (yes or (not as_json and _confirmed(stack)))
        if deploys:
            rollback.deploy(_STDERR if as_json else None)
    if as_json:
        click.echo(json.dumps(_as_json(stack, choice, json.loads(document.render(report)), deploys), indent=2))
    elif not report.changes:
        click.echo(f"Nothing to change: {stack} has this deployed.")
    elif deploys:
        click.echo(
            f"{stack} has what deployment {choice.back.number} had. The next `pulumi up` from the sources changes it "
            "again: take the change back there, too."
        )
    sys.exit(FOUND if report.changes and not deploys else 0)


def _confirmed(stack: str) -> bool:
    """Ask; where nobody can answer, nothing is deployed."""
    if not sys.stdin.isatty():
        click.echo(
            "Nothing was deployed: there is no terminal to ask on. Give --yes to deploy without asking.", err=True
        )
        return False
    if click.confirm(f"Deploy this to {stack}?"):
        return True
    click.echo("Nothing was deployed.")
    return False


def _tell(choice: Choice, stack: str) -> None:
    """What is brought back, and what is not."""
    click.echo(f"{stack}: back to deployment {choice.back.number}, {_made(choice.back)}")
    for name, now, then in choice.changed:
        before = now.digest[:_SHOWN] if now else "not deployed"
        after = then.digest[:_SHOWN]
        click.echo(f"  {name}: {before} → {after if after != before else 'the same code, configured as then'}")
    if choice.left and len(choice.wanted) == len(choice.back.kept.flows):
        click.echo(f"  unchanged, since it was not there then: {', '.join(choice.left)}")
    if choice.other_configuration:
        click.echo(f"  unchanged, though it was another then: {', '.join(choice.other_configuration)}")


def _made(deployment: Numbered) -> str:
    kept = deployment.kept
    commit = f", commit {kept.commit[:_SHOWN]}" if kept.commit else ""
    changed = " with uncommitted changes" if kept.uncommitted_changes else ""
    return f"of {_minute(kept.time)} UTC by {kept.deployed_by}{commit}{changed}"


def _list(stack: str, deployments: Sequence[Numbered], as_json: bool) -> None:
    if as_json:
        found = [_deployment(each, each is deployments[-1]) for each in reversed(deployments)]
        click.echo(json.dumps({"stack": stack, "deployments": found}, indent=2))
        return
    if not deployments:
        click.echo(f"No deployment of {stack} is kept yet: the next `pulumi up` keeps the first.")
        return
    table = Table("", "time (UTC)", "commit", "by", box=None, pad_edge=False)
    table.add_column("flows", overflow="fold")
    for before, each in reversed(list(zip([None, *deployments], deployments, strict=False))):
        kept = each.kept
        what = [f"{_MARKS[kind]} {name}" for kind, name in changes(before.kept if before else None, kept)]
        if kept.rolled_back_to:
            what.insert(0, f"back to {kept.rolled_back_to}:")
        commit = f"{(kept.commit or '')[:_SHOWN]}{' +' if kept.uncommitted_changes else ''}"
        table.add_row(
            str(each.number), _minute(kept.time), commit, kept.deployed_by, ", ".join(what) or "configuration"
        )
    # a pipe's lines are not wrapped, so that they can be searched
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)


def _minute(time: str) -> str:
    """`2026-01-31 06:00`."""
    return time[:16].replace("T", " ")


def _deployment(each: Numbered, last: bool) -> dict[str, Any]:
    kept = each.kept
    return {
        "number": each.number,
        "time": kept.time,
        "commit": kept.commit,
        "uncommitted_changes": kept.uncommitted_changes,
        "deployed_by": kept.deployed_by,
        "rolled_back_to": kept.rolled_back_to,
        "last": last,
        "flows": [
            {"name": flow.name, "flow": flow.flow, "target": flow.target, "digest": flow.digest} for flow in kept.flows
        ],
    }


def _as_json(stack: str, choice: Choice, report: Any, deployed: bool) -> dict[str, Any]:
    return {
        "stack": stack,
        "to": choice.back.number,
        "flows": [
            {"name": name, "before": now.digest if now else None, "after": then.digest}
            for name, now, then in choice.changed
        ],
        "left": list(choice.left),
        "other_configuration": list(choice.other_configuration),
        "report": report,
        "deployed": deployed,
    }
