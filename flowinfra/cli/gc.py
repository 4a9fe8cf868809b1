"""`flowinfra gc`: removes what a stack's deploys left."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from flowinfra.cli import completion
from flowinfra.cli.exit_codes import FOUND
from flowinfra.clouds.aws import NOTHING_SAID, Access
from flowinfra.engine.project import found_folder, project_name, read_mapping, stack_file
from flowinfra.errors import ConfigError
from flowinfra.model.datastores import DATASTORES
from flowinfra.operate.accounts import refuse_strangers
from flowinfra.operate.gc import AIRFLOW_DAYS, Collection, Scope, collect, remove
from flowinfra.operate.history import DEPLOYMENTS
from flowinfra.operate.leftover import FOR_RESUME, Leftover


@click.command("gc")
@click.argument("stack", shell_complete=completion.stacks)
@click.option("--project", help="Pulumi project of the stack.  [default: that of the Pulumi.yaml here]")
@click.option(
    "--datastore",
    "datastores",
    multiple=True,
    metavar="s3://BUCKET/PREFIX",
    help="Look through this datastore as a whole.  [default: where the job definitions say, or the stack's platform]",
)
@click.option(
    "--with-packages", is_flag=True, help="Also code and files that runs need to be resumed.  [default: after destroy]"
)
@click.option("--keep-packages", is_flag=True, help="Not what runs need to be resumed, also after destroy.")
@click.option(
    "--airflow-days",
    type=click.FloatRange(min=0),
    default=AIRFLOW_DAYS,
    show_default=True,
    help="Objects of a flow on Airflow, whose runs are not asked, stay for so many days after its last deploy.",
)
@click.option(
    "--deployments",
    type=click.IntRange(min=1),
    default=DEPLOYMENTS,
    show_default=True,
    help="Deployments that stay for `flowinfra rollback`, the present one included.",
)
@click.option("--yes", is_flag=True, help="Remove without asking.")
@click.option("--json", "as_json", is_flag=True, help="For programs; removes only with --yes.")
def command(
    stack: str,
    project: str | None,
    datastores: tuple[str, ...],
    with_packages: bool,
    keep_packages: bool,
    airflow_days: float,
    deployments: int,
    yes: bool,
    as_json: bool,
) -> None:
    r"""Remove retained job definitions and datastore objects that nothing refers to.

    A deploy keeps superseded ones for the executions that began with them. This shows those of STACK that neither a
    deployed definition, WorkflowTemplate or DAG nor a running execution or workflow names, and removes them. After
    `pulumi destroy` that is all that the stack left, but for bytes that another stack uses in the same place. Not to be
    run during a deploy of the stack.

    Exit codes: 0 nothing left to remove, 1 error, 3 there is something and it was not removed.
    """
    if with_packages and keep_packages:
        raise click.UsageError("--keep-packages and --with-packages contradict each other: give one of them")
    settings = _project_settings(stack)
    scope = replace(
        _scope(settings, stack, project, datastores, airflow_days),
        with_packages=with_packages,
        keep_packages=keep_packages,
        deployments=deployments,
    )
    session = settings.access.session()
    buckets = {root.split("/")[2] for root in scope.datastores}
    refuse_strangers(session, stack, Path.cwd(), settings.access, buckets)
    found = collect(scope, session)
    if as_json:
        done = list(remove(found.remove, session)) if yes else []
        click.echo(json.dumps(_as_json(scope, found, done), indent=2))
        sys.exit(FOUND if len(done) < len(found.remove) else 0)
    if not found.remove:
        click.echo(f"Nothing to remove for {scope.project}/{scope.stack}.")
        if not scope.datastores and not settings.own_datastore:
            click.echo(
                "Objects were looked for only where job definitions of the stack say, since its file names no bucket "
                "(`flowinfra:platform`). Name the datastore to look through: --datastore s3://BUCKET/PREFIX."
            )
        _tell_kept(found)
        return
    Console().print(_table(found))
    _tell_kept(found)
    if found.destroyed and any(leftover.kind in FOR_RESUME for leftover in found.remove):
        click.echo(
            f"{scope.project}/{scope.stack} is not deployed any more, so what its runs need to be resumed goes too, "
            "IncludeFiles as well (--keep-packages keeps them)."
        )
    if not yes and not click.confirm(f"Remove {_counted(found.remove)}?"):
        click.echo("Nothing was removed.")
        sys.exit(FOUND)
    done = list(remove(found.remove, session))
    click.echo(f"Removed {_counted(done)}.")


@dataclass(frozen=True)
class _Settings:
    """What the Pulumi project that this folder is in says about the stack."""

    project: str | None = None
    access: Access = NOTHING_SAID
    datastore: str = "s3"
    datastores: tuple[str, ...] = ()
    own_datastore: bool = False
    """The stack makes its bucket itself, so that it goes with the stack."""
    on_argo: bool = False
    kubeconfig: str | None = None
    context: str | None = None
    on_airflow: bool = False


def _project_settings(stack: str) -> _Settings:
    folder = found_folder(Path.cwd())
    if folder is None:
        return _Settings()
    file = stack_file(folder, stack.rsplit("/", 1)[-1])
    config = (read_mapping(file.path, file.label).get("config") or {}) if file.path.is_file() else {}
    platform = config.get("flowinfra:platform") or {}
    bucket = platform.get("bucket")
    return _Settings(
        project=project_name(folder),
        access=Access.of(config),
        datastore=platform.get("datastore", "s3"),
        datastores=(f"s3://{bucket}/{platform.get('prefix', 'metaflow')}",) if bucket else (),
        own_datastore="create" in platform,
        on_argo="kubernetes" in platform,
        kubeconfig=config.get("kubernetes:kubeconfig"),
        context=config.get("kubernetes:context"),
        on_airflow="airflow" in platform,
    )


def _scope(
    settings: _Settings,
    stack: str,
    project: str | None,
    datastores: tuple[str, ...],
    airflow_days: float,
) -> Scope:
    """What is looked through, by the options and the stack's file."""
    if settings.datastore in DATASTORES and settings.datastore != "s3" and not datastores:
        raise ConfigError(
            f"the datastore of stack {stack!r} is in {DATASTORES[settings.datastore].words}, and gc knows S3 alone: "
            "nothing was looked at, and all objects stay. What deploys left there carries the stack's name as "
            "metadata; for what earlier ones left in S3, name it: --datastore s3://BUCKET/PREFIX"
        )
    return Scope(
        project=project or settings.project or _missing_project(),
        stack=stack.rsplit("/", 1)[-1],
        datastores=datastores or settings.datastores,
        on_argo=settings.on_argo,
        kubeconfig=settings.kubeconfig,
        context=settings.context,
        on_airflow=settings.on_airflow,
        airflow_days=airflow_days,
        folder=Path.cwd(),
    )


def _missing_project() -> str:
    raise ConfigError(
        "there is no Pulumi.yaml in this folder or around it; name the stack's Pulumi project with --project"
    )


def _table(found: Collection) -> Table:
    table = Table("flow", "kind")
    table.add_column("name", overflow="fold")
    table.add_column("size", justify="right")
    for leftover in found.remove:
        size = decimal(leftover.size) if leftover.kind != "job-definition" else ""
        table.add_row(leftover.flow, leftover.kind, leftover.name, size)
    return table


def _tell_kept(found: Collection) -> None:
    if found.unknown:
        click.echo(f"All objects of the datastore stay: {found.unknown}.")
    if found.recent:
        click.echo(
            f"{_counted(found.recent)} stay: their flows were deployed to Airflow not long ago, and its runs are not "
            "asked (--airflow-days)."
        )
    if found.rollback:
        stay = "stay" if len(found.rollback) > 1 else "stays"
        click.echo(
            f"{_counted(found.rollback)} {stay}: `flowinfra rollback` may bring their deployments back (--deployments)."
        )
    if found.kept:
        stay = "stay" if len(found.kept) > 1 else "stays"
        click.echo(
            f"{_counted(found.kept)} {stay}: the runs of their flows may be resumed (--with-packages removes them too)."
        )


def _counted(leftovers: tuple[Leftover, ...] | list[Leftover]) -> str:
    """`3 job-definitions, 1 package`."""
    counts = Counter(leftover.kind for leftover in leftovers)
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(counts.items()))


def _as_json(scope: Scope, found: Collection, done: list[Leftover]) -> dict[str, Any]:
    return {
        "datastores": list(scope.datastores),
        "remove": [asdict(leftover) for leftover in found.remove],
        "kept": [asdict(leftover) for leftover in found.kept],
        "recent": [asdict(leftover) for leftover in found.recent],
        "rollback": [asdict(leftover) for leftover in found.rollback],
        "unknown": found.unknown,
        "destroyed": found.destroyed,
        "removed": [leftover.name for leftover in done],
    }
