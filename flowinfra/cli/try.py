"""`flowinfra try`: a flow, run to its end on this machine as its tasks will see it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from flowinfra.cli import completion, values
from flowinfra.cli.exit_codes import FOUND
from flowinfra.cli.failure import warn
from flowinfra.cli.request import flow_options, request, task_options
from flowinfra.compiler import CompileRequest
from flowinfra.components.options import compile_request
from flowinfra.components.source import deploy_time_values
from flowinfra.engine.project import project_folder
from flowinfra.errors import ConfigError
from flowinfra.operate.trial import Trial, try_flow
from flowinfra.stack.flow import FlowConfig


@click.command(
    "try",
    short_help="run a flow as its tasks will see it",
    epilog="Docs: docs/imports.md#flowinfra-try",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("flow", type=click.Path(path_type=Path))
@click.argument("run_options", nargs=-1, type=click.UNPROCESSED, metavar="[--PARAMETER VALUE]… [OPTIONS OF RUN]…")
@click.option("-s", "--stack", shell_complete=completion.stacks, help="Take the flow as this stack's file has it.")
@click.option("--name", help="Which of the stack's entries with this file.")
@task_options
@flow_options
@click.option(
    "--task-env",
    "variables",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Variable of the tasks, as image or secrets set.",
)
@click.option("--json", "as_json", is_flag=True, help="Print how it went as JSON; Metaflow's lines go to stderr.")
def command(
    flow: Path,
    run_options: tuple[str, ...],
    stack: str | None,
    name: str | None,
    variables: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Run FLOW to its end on this machine, as its tasks will see it: without Pulumi, emulator, and containers.

    The flow is compiled; its code package is extracted into an empty folder and run there by Metaflow itself, with an
    interpreter that has what the package, `image_packages` and the lock declare, and nothing else. Options that
    are not listed here are those of Metaflow's `run`: the flow's parameters, --max-workers, ….

    \b
      flowinfra try flow.py --alpha 0.5
      flowinfra try flows/fraud/fraud_flow.py -s prod
      flowinfra try flow.py --image-package requirements.txt

    Exit code 3 if the flow does not come to its end.
    """
    asked = _of_stack(flow, stack, name) if stack else request(flow, **options)
    if stack:
        _refuse_with_stack()
    lines = sys.stderr if as_json else sys.stdout
    trial = try_flow(
        asked,
        run_options,
        values.variables(variables),
        lambda compiled: deploy_time_values(asked, compiled),
        lambda line: click.echo(line, file=lines),
        warn,
    )
    if as_json:
        click.echo(json.dumps(trial.data(), indent=2))
    else:
        _report(trial)
    if not trial.ok:
        sys.exit(FOUND)


def _report(trial: Trial) -> None:
    for words in trial.left_out:
        click.secho(f"left out: {words}", fg="yellow", err=True)
    steps = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in trial.steps.items() if count)
    if trial.failure is None:
        click.secho(f"{trial.flow} came to its end in {trial.seconds:.1f} s: {steps}", fg="green")
        return
    failure = trial.failure
    where = f"in step {failure.step}" if failure.step else "before its first task" if not steps else "between tasks"
    click.secho("error:", fg="red", bold=True, nl=False, err=True)
    click.echo(f" {trial.flow} failed {where}: {failure.error}", err=True)
    for line in (f"at {failure.place} of the code package" if failure.place else None, failure.hint):
        if line:
            click.echo(f"  {line}", err=True)


def _refuse_with_stack() -> None:
    """What the stack's file says is not said again on the command line."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "")
        kept = ("flow", "run_options", "stack", "name", "variables", "as_json")
        if given is click.core.ParameterSource.COMMANDLINE and parameter.name not in kept:
            raise ConfigError(f"{parameter.opts[-1]} goes without --stack, whose file says it; give one of both")


def _of_stack(flow: Path, stack: str, name: str | None) -> CompileRequest:
    from flowinfra.stack.compiling import platform_shape
    from flowinfra.stack.loading import stored_stack

    root = project_folder(Path.cwd())
    config = stored_stack(root, stack.rsplit("/", 1)[-1])
    same = [each for each in config.flows if (root / each.flow).resolve() == flow.resolve()]
    found = [each for each in same if name is None or name in _names(each)]
    if len(found) != 1:
        what = f"has no flow {flow}" if not same else f"has it {len(same)} times"
        hint = (
            "" if not same else f"; choose by --name: {', '.join(' or '.join(_names(each)) or 'none' for each in same)}"
        )
        raise ConfigError(f"{flow}: stack {stack} {what}{hint}")
    return compile_request(found[0], platform_shape(config, found[0].target), root)


def _names(config: FlowConfig) -> list[str]:
    return [each for each in (config.name, config.of("step-functions").name_prefix, config.branch) if each]
