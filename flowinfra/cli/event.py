"""`flowinfra event`: an event for the flows of a stack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from flowinfra.cli import completion
from flowinfra.model import clean
from flowinfra.model.base import Json
from flowinfra.operate.runs.sending import Sent, send


def _payload(_context: click.Context, _parameter: click.Parameter, text: str) -> dict[str, Json]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"it is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise click.BadParameter(f'found {text}, allowed: a JSON object, such as \'{{"day": "2026-11-29"}}\'')
    return found


@click.command("event", epilog="Docs: docs/events.md")
@click.argument("name")
@click.option("-s", "--stack", required=True, shell_complete=completion.stacks, help="Stack whose flows it is for.")
@click.option("--payload", default="{}", callback=_payload, metavar="JSON", help="What the event says  [default: {}]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(name: str, stack: str, payload: dict[str, Json], as_json: bool) -> None:
    """Send the event NAME to the flows of a stack that have @trigger(event=NAME) on Step Functions.

    A flow that waits for several events starts when the last of them has come.

    The payload sets the parameters of the runs, as the flows map them. Run it in the folder of the Pulumi project; for
    the embedded AWS under `flowinfra local exec --`.

    \b
      flowinfra event data.ready --payload '{"day": "2026-11-29"}' -s prod

    Exit codes: 0 the event was sent; 1 error; 2 wrong use.
    """
    sent = send(stack, name, payload, Path.cwd())
    if as_json:
        click.echo(json.dumps(asdict(sent), indent=2))
    else:
        _tell(sent, stack)


def _have(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _tell(sent: Sent, stack: str) -> None:
    if sent.starts:
        click.echo(f"{sent.name} is sent: it starts {', '.join(sent.starts)}")
    elif sent.joins:
        click.echo(f"{sent.name} is sent")
    else:
        click.echo(f"{sent.name} is sent: it starts no flow of the stack {stack}")
    for flow, others in sent.joins.items():
        click.echo(clean.visible(f"{flow} starts once {', '.join(others)} {_have(others)} come, too"))
    for flow, reason in sent.passed.items():
        click.echo(clean.visible(f"{flow} is not started: {reason}"))
