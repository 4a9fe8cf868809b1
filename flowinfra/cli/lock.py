"""`flowinfra lock`: @conda and @pypi packages, solved once and committed."""

from __future__ import annotations

from pathlib import Path

import click

from flowinfra.cli import values
from flowinfra.cli.values import PAIR
from flowinfra.compiler import CompileRequest
from flowinfra.compiler.fetch import fetch_packages
from flowinfra.compiler.lock import lock_command, lock_flow, lock_path, read_lock
from flowinfra.errors import LockError
from flowinfra.model.compiled import Shape


@click.command("lock", short_help="solve @conda/@pypi environments", epilog="Docs: docs/lock.md")
@click.argument("flow", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Lock file  [default: FLOW.lock.json beside it]")
@click.option(
    "--environment", type=click.Choice(["conda", "pypi"]), help="Lock each step, also of a flow without @conda."
)
@click.option("--with", "decospecs", multiple=True, metavar="DECOSPEC", help="Metaflow's --with, as for compile.")
@click.option("--config", "config_files", type=PAIR, multiple=True, metavar="NAME FILE", help="File for a Config.")
@click.option("--config-value", "configs", type=PAIR, multiple=True, metavar="NAME JSON", help="Config's value.")
@click.option("--env", "env", multiple=True, metavar="NAME[=VALUE]", help="Variable that the flow may read.")
@click.option("--setting", "settings", multiple=True, metavar="METAFLOW_X=VALUE", help="Metaflow setting.")
@click.option("--python", help="Interpreter with the flow's dependencies.")
@click.option("--upgrade", is_flag=True, help="Solve everything anew instead of keeping what still fits.")
@click.option("--fetch", is_flag=True, help="Solve nothing: fetch the packages of the lock to this machine.")
def command(
    flow: Path,
    output: Path | None,
    environment: str | None,
    decospecs: tuple[str, ...],
    config_files: tuple[tuple[str, str], ...],
    configs: tuple[tuple[str, str], ...],
    env: tuple[str, ...],
    settings: tuple[str, ...],
    python: str | None,
    upgrade: bool,
    fetch: bool,
) -> None:
    """Solve the @conda and @pypi environments of FLOW, and write the lock that compile uses.

    Needs the network, and micromamba, which Metaflow solves with. Commit the lock beside the flow: whoever compiles
    deploys the very packages that were locked, and nothing is solved again. Options that change what the steps ask
    for are given as they are to compile.

    \b
      flowinfra lock flow.py              solve, and write flow.lock.json
      flowinfra compile flow.py --environment pypi    uses it
      flowinfra lock flow.py --upgrade    newer versions of everything
      flowinfra lock flow.py --fetch      on another machine, such as CI:
                                          the packages themselves
    """
    shape = {
        "environment": environment or "pypi",
        "decospecs": decospecs,
        "configs": values.json_values(configs),
        "settings": values.settings(settings),
    }
    request = CompileRequest(
        flow=flow,
        shape=Shape.model_validate(shape),
        config_files={name: Path(path) for name, path in config_files},
        env=values.variables(env),
        python=python,
        lock=output,
    )
    path = lock_path(request)
    if fetch:
        locked = read_lock(path)
        if locked is None:
            raise LockError(f"{path}: does not exist; make it with {lock_command(request)}")
        count = fetch_packages(locked, lambda line: click.echo(line, err=True))
        click.echo(f"{path}: {count} of {len(locked.packages)} packages fetched, the others were here")
        return
    lock = lock_flow(request, explicit=environment is not None, upgrade=upgrade)
    if lock is None:
        click.echo(f"{flow}: no step has @conda or @pypi packages: there is nothing to lock")
        return
    size = sum(package.size for package in lock.packages.values())
    click.echo(
        f"{path}: {len(lock.environments)} environments of {len(lock.steps)} steps, "
        f"{len(lock.packages)} packages, {size / 1e6:.1f} MB"
    )
