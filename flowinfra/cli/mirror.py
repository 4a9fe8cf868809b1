"""`flowinfra mirror`: what differs between two stacks beyond their environments."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from flowinfra.cli import completion
from flowinfra.cli.exit_codes import FOUND
from flowinfra.compare.mirror import Comparison, Finding
from flowinfra.compare.mirror_pair import mirrored
from flowinfra.engine.project import project_folder
from flowinfra.engine.state import export_state, read_state
from flowinfra.report.words import count, names, phrase, plain

_MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "renamed": ("~", "cyan")}
_ROLES: dict[str, dict[str, Any]] = {
    "plain": {},
    "name": {"bold": True},
    "before": {"fg": "red"},
    "after": {"fg": "green"},
}


@click.command("mirror", epilog="Docs: docs/mirror.md")
@click.argument("stack", shell_complete=completion.stacks)
@click.argument("other", shell_complete=completion.stacks)
@click.option("--deployed", is_flag=True, help="Compare what is deployed, by the stacks' states.")
@click.option("--state", type=click.Path(path_type=Path), help="State of STACK from a file; with --other-state.")
@click.option("--other-state", type=click.Path(path_type=Path), help="State of OTHER from a file; with --state.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    stack: str, other: str, deployed: bool, state: Path | None, other_state: Path | None, as_json: bool
) -> None:
    """Say what differs between the mirror STACK and the stack OTHER that it mirrors, beyond their environments.

    Compares the flows of both stacks' files, compiled, with neither cloud nor Pulumi; with --deployed what the stacks
    have deployed. Where a stack lives, and what STACK's own file says (`flowinfra:mirrors`), is expected. All else is
    drift.

    \b
      flowinfra mirror staging prod
      flowinfra mirror staging prod --deployed
      flowinfra mirror staging prod --state staging.json --other-state prod.json

    Exit codes: 0 no drift, 1 error, 2 wrong use, 3 drift.
    """
    if (state is None) != (other_state is None):
        raise click.UsageError("--state and --other-state go together: give the state of both stacks, or --deployed")
    root = project_folder(Path.cwd())
    states = None
    if state is not None and other_state is not None:
        states = read_state(state), read_state(other_state)
    elif deployed:
        states = export_state(root, stack), export_state(root, other)
    found = mirrored(root, stack, other, states)
    if as_json:
        click.echo(json.dumps(_data(found, states is not None), indent=2, ensure_ascii=False))
    else:
        for line in _lines(found):
            click.echo(line)
    sys.exit(FOUND if found.drift else 0)


def _lines(found: Comparison) -> Iterator[str]:
    verdict = f"{len(found.drift)} drifted" if found.drift else "no drift"
    yield (
        click.style(f"{found.other} → {found.mirror}", bold=True)
        + f"  {count(found.flows, 'flow')} in both; "
        + click.style(verdict, fg="red" if found.drift else "green")
        + f", {len(found.declared)} declared, {len(found.environment)} of the environment"
    )
    if not found.mirrors:
        yield f"  {found.mirror} has no `flowinfra:mirrors: {found.other}`: nothing counts as declared."
    for title, findings in (
        ("Drift", found.drift),
        (f"Declared by {found.mirror}", found.declared),
        ("Environment", found.environment),
    ):
        if findings:
            yield ""
            yield "  " + click.style(title, bold=True, fg="red" if title == "Drift" else None)
        for finding in findings:
            yield "    " + _line(finding, found.flows)


def _line(finding: Finding, flows: int) -> str:
    mark, colour = _MARKS[finding.kind]
    owners = _owners(finding.flows, flows)
    text = "".join(click.style(span.text, **_ROLES[span.role]) for span in (*owners, *finding.line))
    key = click.style(f"  ({finding.key})", dim=True) if finding.key else ""
    return click.style(mark, fg=colour) + f" {text}{key}"


def _owners(owners: Sequence[str], flows: int) -> Any:
    if not owners:
        return ()
    if len(owners) == flows > 1:
        return phrase(f"all {flows} flows: ")
    return phrase(*names(owners), ": ")


def _data(found: Comparison, deployed: bool) -> dict[str, Any]:
    def told(findings: Sequence[Finding]) -> list[dict[str, Any]]:
        return [
            {"flows": list(each.flows), "kind": each.kind, "text": plain(each.line), "key": each.key}
            for each in findings
        ]

    return {
        "mirror": found.mirror,
        "other": found.other,
        "mirrors": found.mirrors,
        "from": "states" if deployed else "configuration",
        "flows": found.flows,
        "drift": told(found.drift),
        "expected": {"declared": told(found.declared), "environment": told(found.environment)},
    }
