"""`flowinfra try`: a flow, run to its end on this machine as its tasks will see it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from pydantic import ValidationError

from flowinfra.cli import completion, values
from flowinfra.cli.values import PAIR
from flowinfra.compiler import CompileRequest
from flowinfra.compiler.request import TARGETS
from flowinfra.components.options import compile_request
from flowinfra.components.source import deploy_time_values
from flowinfra.errors import CompileError, ConfigError
from flowinfra.model.compiled import Shape
from flowinfra.model.stack import FlowConfig
from flowinfra.project import project_folder
from flowinfra.trial import Trial, try_flow


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
@click.option(
    "-t",
    "--target",
    default="step-functions",
    show_default=True,
    shell_complete=completion.targets,
    help=f"What it is compiled for: {', '.join(TARGETS)}.",
)
@click.option("--with", "decospecs", multiple=True, metavar="DECOSPEC", help="Metaflow's --with, as for compile.")
@click.option("--branch", help="Branch of a @project flow.")
@click.option("--production", is_flag=True, help="A @project flow in production.")
@click.option("--config", "config_files", type=PAIR, multiple=True, metavar="NAME FILE", help="File for a Config.")
@click.option("--config-value", "configs", type=PAIR, multiple=True, metavar="NAME JSON", help="Value of a Config.")
@click.option(
    "--environment",
    type=click.Choice(["local", "conda", "pypi"]),
    default="local",
    help="As for compile; needs the lock.",
)
@click.option("--lock", type=click.Path(path_type=Path), help="Lock of @conda/@pypi packages, if not FLOW.lock.json.")
@click.option("--image", help="Default container image; it is not used, but what is said of it is.")
@click.option(
    "--image-package",
    "image_packages",
    multiple=True,
    metavar="NAME|FILE",
    help="What the image has: a requirement, a glob of names, or a requirements file.",
)
@click.option("--python", help="Interpreter with the flow's dependencies.")
@click.option("--package-suffixes", default="", help="Further file endings to package, comma-separated.")
@click.option("--env", "env", multiple=True, metavar="NAME[=VALUE]", help="Variable that the compile may read.")
@click.option(
    "--setting", "settings", multiple=True, metavar="METAFLOW_X=VALUE", help="Metaflow setting of the compile."
)
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
    **options: object,
) -> None:
    """Run FLOW to its end on this machine, as its tasks will see it: without Pulumi, emulator, and containers.

    The flow is compiled; its code package is extracted into an empty folder and run there by Metaflow itself, with an
    interpreter that has what the package, `image_packages` and the lock declare, and nothing else. Options that
    are not listed here are those of Metaflow's `run`: the flow's parameters, --max-workers, ….

    \b
      flowinfra try flow.py --alpha 0.5
      flowinfra try flows/fraud/fraud_flow.py -s prod
      flowinfra try flow.py --image-package requirements.txt

    Exit code 1 if the flow does not come to its end.
    """
    request = _of_stack(flow, stack, name) if stack else _of_options(flow, options)
    if stack:
        _refuse_with_stack()
    lines = sys.stderr if as_json else sys.stdout
    trial = try_flow(
        request,
        run_options,
        values.variables(variables),
        lambda compiled: deploy_time_values(request, compiled),
        lambda line: click.echo(line, file=lines),
        lambda text: click.secho(f"warning: {text}", fg="yellow", err=True),
    )
    if as_json:
        click.echo(json.dumps(trial.data(), indent=2))
    else:
        _report(trial)
    if not trial.ok:
        sys.exit(1)


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
    from flowinfra.program.compiling import platform_shape
    from flowinfra.program.configuration import stored_stack

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
    return [each for each in (config.name, config.name_prefix, config.branch) if each]


def _of_options(flow: Path, options: dict[str, object]) -> CompileRequest:
    given = dict(options)
    target, python, lock = (given.pop(key) for key in ("target", "python", "lock"))
    files, env, image_packages = (given.pop(key) for key in ("config_files", "env", "image_packages"))
    try:
        shape = Shape.model_validate(
            {
                **given,
                "configs": values.json_values(given["configs"]),  # type: ignore[arg-type]
                "package_suffixes": tuple(filter(None, str(given["package_suffixes"]).split(","))),
                "settings": values.settings(given["settings"]),  # type: ignore[arg-type]
            }
        )
    except ValidationError as error:
        raise CompileError("; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())) from None
    return CompileRequest(
        flow=flow,
        target=str(target),
        shape=shape,
        config_files={name: Path(path) for name, path in files},  # type: ignore[attr-defined]
        env=values.variables(env),  # type: ignore[arg-type]
        python=None if python is None else str(python),
        lock=lock if isinstance(lock, Path) else None,
        image_packages=image_packages,  # type: ignore[arg-type]
    )
