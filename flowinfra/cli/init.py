"""`flowinfra init`: a repository of flows becomes a Pulumi project."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from flowinfra.cli import completion
from flowinfra.cli.exit_codes import FOUND
from flowinfra.cli.failure import warn
from flowinfra.engine.extras import missing
from flowinfra.errors import ConfigError, FlowInfraError, Problems, ToolError
from flowinfra.start import requirements
from flowinfra.start.files import CI, left_out
from flowinfra.start.look import Given, Known, differing, look
from flowinfra.start.plan import Step, carry_out, choices_of, kept_remarks, plan, problems
from flowinfra.start.stack_files import LOCAL, STACKS
from flowinfra.start.trial_compile import Compiled, compile_stack
from flowinfra.targets import TARGETS

_WORDS = {"write": "written", "add": "added to", "keep": "kept"}
_DRY = {"write": "would write", "add": "would add to", "keep": "would keep"}


@click.command("init", short_help="make a repository of flows a Pulumi project", epilog="Docs: docs/start.md")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option(
    "-t",
    "--target",
    type=click.Choice([*TARGETS]),
    shell_complete=completion.targets,
    help="What runs the flows  [default: step-functions]",
)
@click.option("--bucket", metavar="NAME|s3://NAME/PREFIX", help="Bucket of Metaflow's datastore.")
@click.option("--queue", metavar="NAME|ARN", help="Job queue of AWS Batch, for step-functions.")
@click.option("--table", help="Table of DynamoDB, which flows with a foreach need on step-functions.")
@click.option("--region", help="Region of AWS  [default: that of the queue, else AWS_REGION, else us-east-1]")
@click.option("--namespace", help="Namespace of Kubernetes, for argo and airflow.")
@click.option("--dags", metavar="s3://BUCKET/FOLDER", help="Where Airflow takes its DAG files from.")
@click.option(
    "--profile",
    shell_complete=completion.profiles,
    help="Profile of Metaflow that says what all stacks deploy to  [default: that of the stack's name]",
)
@click.option("--ci", type=click.Choice(CI), help="Files for continuous integration  [default: that of the repository]")
@click.option("--name", help="Name of the project  [default: that of the folder]")
@click.option("--flows", "only", multiple=True, metavar="GLOB", help="Look for flows there alone.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="For programs: asks nothing; what it says goes to stderr.")
def command(folder: Path, yes: bool, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Make the repository in FOLDER a Pulumi project, ready for its first preview.

    The flows are found by reading their files, and what they deploy to by Metaflow's own settings (~/.metaflowconfig,
    with its profiles). Missing files are written: Pulumi.yaml, __main__.py, stacks/ (local, dev, staging, prod),
    requirements, CI. What is there is never changed, but for lines that .gitignore lacks. Then all flows are compiled.

    \b
      flowinfra init
      flowinfra init --bucket s3://acme-metaflow/metaflow --queue metaflow --ci github
      flowinfra init --dry-run

    Exit code 3 if all was written and a flow does not compile.
    """
    ask = not yes and not dry_run and not as_json and is_terminal()
    with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
        done = _init(folder.absolute(), Given(**options), ask=ask, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(done, indent=2))
    if done["wrong"]:
        sys.exit(FOUND)


def _init(folder: Path, given: Given, *, ask: bool, dry_run: bool) -> dict[str, Any]:
    """Do what the command does; returns it for programs."""
    variables = dict(os.environ)
    known = look(folder, given, variables)
    _tell_known(known)
    if ask:
        given = _asked(given, known)
        known = look(folder, given, variables)
    for words in differing(known, given):
        warn(words)
    choices = choices_of(known)
    steps = plan(folder, choices)
    left = {stack: why for stack, why in left_out(choices.stacks).items() if stack not in known.stacks}
    stacks = [each for each in STACKS if each not in left]
    wrong: list[FlowInfraError] = list(problems(folder, steps))
    if not stacks:
        wrong += [ConfigError(f"no stack can be written. {name}: {why}") for name, why in left.items()]
    if wrong:
        raise Problems(wrong)
    for name, why in left.items():
        click.echo(f"not written  stack {name}: {why}")
    if not dry_run:
        carry_out(folder, steps)
    _tell_steps(folder, steps, known, dry_run)
    told: dict[str, Any] = {
        "folder": str(folder),
        "flows": [{"file": flow.file, "name": flow.name} for flow in known.found.flows],
        "files": [{"path": step.path, "action": step.action} for step in steps],
        "dry_run": dry_run,
        "compiled": [],
        "wrong": [],
        "next": [],
    }
    if dry_run:
        return told
    if known.ci != "none":
        _lock(folder)
    done = compile_stack(folder, stacks[0], lambda flow: click.echo(f"compiled     {flow}"), warn)
    _tell_compiled(done)
    commands = [] if done.wrong else list(_next_commands(folder, stacks))
    if commands:
        click.echo("\n  ".join(["Next:", *commands]))
    failed = [{"file": file, "errors": [str(each) for each in error.errors]} for file, error in done.wrong]
    return {**told, "compiled": list(done.right), "wrong": failed, "next": commands}


def is_terminal() -> bool:
    """Whether a person can answer."""
    return sys.stdin.isatty()


def _tell_known(known: Known) -> None:
    for flow in known.found.flows:
        click.echo(f"flow         {flow.file} ({flow.name})")
    for words in known.found.passed_over:
        warn(f"passed over: {words}")
    for source in dict.fromkeys(platform.source for platform in known.platforms.values() if platform.source):
        stacks = [stack for stack, platform in known.platforms.items() if platform.source == source]
        click.echo(f"settings     {source} (for {', '.join(stacks)})")
    for words in dict.fromkeys(words for platform in known.platforms.values() for words in platform.remarks):
        warn(words)


def _asked(given: Given, known: Known) -> Given:
    """The options, with answers for those that were not given; an empty answer leaves one out."""
    answers: dict[str, Any] = {}

    def ask(key: str, question: str, usual: str | None, choice: Any = None) -> None:
        if getattr(given, key) is None:
            answers[key] = click.prompt(question, default=usual or "", type=choice, show_default=bool(usual)) or None

    platform = known.platforms["prod"]
    ask("target", "What runs the flows", known.target, click.Choice([*TARGETS]))
    target = answers.get("target", given.target)
    if len({each.bucket for each in known.platforms.values()}) == 1:  # else each stack has its own by its profile
        bucket = f"s3://{platform.bucket}/{platform.prefix}" if platform.bucket else None
        ask("bucket", "Bucket of Metaflow's datastore (empty: later)", bucket)
    if target == "step-functions" and len({each.queue for each in known.platforms.values()}) == 1:
        ask("queue", "Job queue of AWS Batch (empty: later)", platform.queue)
        ask("table", "Table of DynamoDB for flows with a foreach (empty: none)", platform.table)
    if target in ("argo", "airflow"):
        ask("namespace", "Namespace of Kubernetes", platform.namespace)
    if target == "airflow":
        ask("dags", "Where Airflow takes its DAG files from (s3://bucket/folder)", platform.dags)
    ask("ci", "Files for continuous integration", known.ci, click.Choice(CI))
    return Given(**{**vars(given), **answers})


def _tell_steps(folder: Path, steps: list[Step], known: Known, dry_run: bool) -> None:
    for step in steps:
        words = f" ({step.words})" if step.words else ""
        click.echo(f"{(_DRY if dry_run else _WORDS)[step.action]:<12} {step.path}{words}")
        if dry_run and step.action != "keep":
            click.echo("".join(f"  | {line}\n" for line in step.text.splitlines()), nl=False)
    for words in kept_remarks(folder, known):
        warn(words)


def _lock(folder: Path) -> None:
    """Write requirements.txt, or say what is wrong with it: without it CI fails, and all else works."""
    if os.path.lexists(folder / requirements.LOCKED):
        for words in requirements.remarks(folder):
            warn(words)
        return
    try:
        requirements.write_lock(folder)
    except ToolError as error:
        warn(str(error))
    else:
        click.echo(f"written      {requirements.LOCKED}")


def _tell_compiled(done: Compiled) -> None:
    """Say which flows compile, and what is wrong with the others."""
    count = len(done.right) + len(done.wrong)
    click.secho(f"{len(done.right)} of {count} flows compile (stack {done.stack})", fg="red" if done.wrong else "green")
    for file, error in done.wrong:
        click.secho(f"{file}:", fg="red", err=True)
        for each in error.errors:
            click.echo(f"  - {str(each).removeprefix(f'{file}: ')}", err=True)
    if done.wrong:
        click.echo("Mend these flows, or leave one out of a stack's file with `enabled: false`; then run this again.")


def _next_commands(folder: Path, stacks: Sequence[str]) -> Iterator[str]:
    """The commands that lead to a first preview: on this machine, and in an account."""
    if folder.resolve() != Path.cwd().resolve():
        yield f"cd {shlex.quote(str(folder))}"
    if LOCAL in stacks:
        if missing("local", "it"):
            yield "pip install 'flowinfra[local]'"
        yield "flowinfra local start"
        yield f"flowinfra local exec -- pulumi preview -s {LOCAL}"
    if cloud := next((stack for stack in stacks if stack != LOCAL), None):
        yield f"pulumi stack init {cloud}"
        yield f"pulumi preview -s {cloud} --diff"
