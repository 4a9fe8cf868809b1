"""`flowinfra lock`: @conda and @pypi packages, solved once and committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from flowinfra.cli.request import flow_options, request
from flowinfra.compiler.fetch import fetch_packages
from flowinfra.compiler.lock import lock_command, lock_flow, lock_path, read_lock
from flowinfra.errors import LockError
from flowinfra.model.lock import Lock


@click.command("lock", short_help="solve @conda/@pypi environments", epilog="Docs: docs/lock.md")
@click.argument("flow", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Lock file  [default: FLOW.lock.json beside it]")
@click.option(
    "--environment", type=click.Choice(["conda", "pypi"]), help="Lock each step, also of a flow without @conda."
)
@flow_options
@click.option("--upgrade", is_flag=True, help="Solve everything anew instead of keeping what still fits.")
@click.option("--fetch", is_flag=True, help="Solve nothing: fetch the packages of the lock to this machine.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    flow: Path,
    output: Path | None,
    environment: str | None,
    upgrade: bool,
    fetch: bool,
    as_json: bool,
    **options: Any,
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
    asked = request(flow, lock=output, environment=environment or "pypi", **options)
    path = lock_path(asked)
    if fetch:
        locked = read_lock(path)
        if locked is None:
            raise LockError(f"{path}: does not exist; make it with {lock_command(asked)}")
        count = fetch_packages(locked, lambda line: click.echo(line, err=True))
        if as_json:
            click.echo(json.dumps({"lock": str(path), "packages": len(locked.packages), "fetched": count}))
        else:
            click.echo(f"{path}: {count} of {len(locked.packages)} packages fetched, the others were here")
        return
    lock = lock_flow(asked, explicit=environment is not None, upgrade=upgrade)
    if as_json:
        click.echo(json.dumps(_data(path, lock)))
        return
    if lock is None:
        click.echo(f"{flow}: no step has @conda or @pypi packages: there is nothing to lock")
        return
    size = sum(package.size for package in lock.packages.values())
    click.echo(
        f"{path}: {len(lock.environments)} environments of {len(lock.steps)} steps, "
        f"{len(lock.packages)} packages, {size / 1e6:.1f} MB"
    )


def _data(path: Path, lock: Lock | None) -> dict[str, Any]:
    """A lock for programs; `lock` is null where no step has packages to lock."""
    if lock is None:
        return {"lock": None, "environments": 0, "steps": 0, "packages": 0, "bytes": 0}
    return {
        "lock": str(path),
        "environments": len(lock.environments),
        "steps": len(lock.steps),
        "packages": len(lock.packages),
        "bytes": sum(package.size for package in lock.packages.values()),
    }
