"""`flowinfra compile`: a flow as data."""

from __future__ import annotations

import json
from pathlib import Path

import click
from pydantic import ValidationError

from flowinfra.cli import completion, values
from flowinfra.cli.values import PAIR
from flowinfra.compiler import CompileRequest, compile_flow, unreviewed_files, write_bundle
from flowinfra.compiler.request import TARGETS
from flowinfra.errors import BundleError, CompileError
from flowinfra.model.compiled import Shape
from flowinfra.model.datastores import DATASTORES


@click.command("compile", short_help="compile a flow to data", epilog="Docs: docs/compile.md")
@click.argument("flow", type=click.Path(path_type=Path))
@click.argument("metaflow_options", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "-t",
    "--target",
    default="step-functions",
    show_default=True,
    shell_complete=completion.targets,
    help=f"One of: {', '.join(TARGETS)}.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a bundle (NAME.flow) instead of JSON.")
@click.option("--with", "decospecs", multiple=True, metavar="DECOSPEC", help="Metaflow's --with, e.g. retry:times=3.")
@click.option("--name", help="Name of the deployed flow instead of its own.")
@click.option("--name-prefix", help="Prefix of the state machine's name (METAFLOW_SFN_STATE_MACHINE_PREFIX).")
@click.option("--tag", "tags", multiple=True, help="Metaflow tag of each run.")
@click.option("--namespace", help="Namespace of runs instead of the production token's.")
@click.option("--branch", help="Branch of a @project flow.")
@click.option("--production", is_flag=True, help="Deploy a @project flow to production.")
@click.option("--config", "config_files", type=PAIR, multiple=True, metavar="NAME FILE", help="File for a Config.")
@click.option("--config-value", "configs", type=PAIR, multiple=True, metavar="NAME JSON", help="Value of a Config.")
@click.option("--param", "parameters", type=PAIR, multiple=True, metavar="NAME JSON", help="Default of a Parameter.")
@click.option("--max-workers", type=click.IntRange(min=1), default=100, show_default=True, help="Tasks at a time.")
@click.option("--workflow-timeout", type=click.IntRange(min=1), metavar="SECONDS", help="Time limit of an execution.")
@click.option("--distributed-map", is_flag=True, help="step-functions: distributed instead of inline maps.")
@click.option("--compress", is_flag=True, help="step-functions: keep commands in the datastore (small definitions).")
@click.option("--log-history", is_flag=True, help="step-functions: log execution history to CloudWatch.")
@click.option("--compute", type=click.Choice(["EC2", "FARGATE"]), default="EC2", help="step-functions: of the queue.")
@click.option("--workflow-priority", type=int, help="argo: higher ones run first.")
@click.option("--workflow-title", help="argo: shown in its UI instead of the flow's name.")
@click.option("--workflow-description", help="argo: shown in its UI instead of the flow's docstring.")
@click.option("--events", is_flag=True, help="argo: the platform has Argo Events.")
@click.option("--no-emit-events", "emit_events", flag_value=False, default=True, help="argo: steps send no events.")
@click.option(
    "--no-capture-errors",
    "capture_errors",
    flag_value=False,
    default=True,
    help="argo: no hook for a run's first error.",
)
@click.option("--heartbeat", is_flag=True, help="argo: a container tells that the run is alive.")
@click.option("--notify-on-error", is_flag=True, help="argo: tell when a run fails.")
@click.option("--notify-on-success", is_flag=True, help="argo: tell when a run succeeds.")
@click.option("--notify-slack", metavar="NAME/KEY", help="argo: Kubernetes Secret with the webhook's URL.")
@click.option("--notify-pager-duty", metavar="NAME/KEY", help="argo: Kubernetes Secret with the integration key.")
@click.option("--notify-incident-io", metavar="NAME/KEY", help="argo: Kubernetes Secret with the API key.")
@click.option("--incident-io-source", metavar="ID", help="argo: alert source of incident.io.")
@click.option("--incident-io-metadata", type=PAIR, multiple=True, metavar="KEY VALUE", help="argo: of each alert.")
@click.option("--worker-pool", help="airflow: its pool for the flow's tasks.")
@click.option("--paused", is_flag=True, help="airflow: a new DAG waits until it is unpaused there.")
@click.option(
    "--metadata",
    type=click.Choice(["local", "service"]),
    default="local",
    show_default=True,
    help="service: tasks tell Metaflow's service, whose URL the stack gives; local: only the datastore knows of runs.",
)
@click.option(
    "--environment",
    type=click.Choice(["local", "conda", "pypi"]),
    default="local",
    show_default=True,
    help="conda, pypi: steps get the packages of their @conda and @pypi as locked; local: what their image has.",
)
@click.option(
    "--datastore",
    default="s3",
    show_default=True,
    metavar="|".join(DATASTORES),
    help="Metaflow's; gs and azure: argo and airflow only.",
)
@click.option("--lock", type=click.Path(path_type=Path), help="Lock of @conda/@pypi packages, if not FLOW.lock.json.")
@click.option("--image", help="Default container image.")
@click.option(
    "--image-package",
    "image_packages",
    multiple=True,
    metavar="NAME|FILE",
    help="What the image has: a requirement, a glob of names, or a requirements file.",
)
@click.option(
    "--python-version",
    metavar="3.N",
    default="",
    help="Python of the tasks and their default image, in place of the compiling interpreter's.",
)
@click.option("--python", help="Interpreter with the flow's dependencies.")
@click.option("--package-suffixes", default="", help="Further file endings to package, comma-separated.")
@click.option("--package-root", metavar="FOLDER", help="Folder that tasks import added files from  [default: .]")
@click.option("--package-include", multiple=True, metavar="GLOB", help="File, folder or glob to package, too.")
@click.option("--package-exclude", multiple=True, metavar="GLOB", help="File, folder or glob to leave out.")
@click.option("--working-folder", metavar="FOLDER", help="Where the flow's module runs; `flow`: its own  [default: .]")
@click.option("--env", "env", multiple=True, metavar="NAME[=VALUE]", help="Variable that the flow may read.")
@click.option("--setting", "settings", multiple=True, metavar="METAFLOW_X=VALUE", help="Metaflow setting.")
def command(
    flow: Path,
    target: str,
    output: Path | None,
    configs: tuple[tuple[str, str], ...],
    config_files: tuple[tuple[str, str], ...],
    parameters: tuple[tuple[str, str], ...],
    incident_io_metadata: tuple[tuple[str, str], ...],
    metaflow_options: tuple[str, ...],
    package_suffixes: str,
    env: tuple[str, ...],
    settings: tuple[str, ...],
    python: str | None,
    python_version: str,
    working_folder: str | None,
    lock: Path | None,
    image_packages: tuple[str, ...],
    **shape: object,
) -> None:
    """Compile FLOW to data: what Metaflow would send to the cloud, without sending it.

    Prints the CompiledFlow as JSON, or writes a bundle with everything that a deployment needs. The result is the same
    on every machine; no network is used and no credentials are read. Options of Metaflow's own `create` that have no
    name here follow after `--`.

    \b
      flowinfra compile flow.py > flow.json
      flowinfra compile flow.py --with retry --tag nightly -o flow.flow
      flowinfra compile flow.py --branch main --production
      flowinfra compile flow.py -t argo --events
    """
    if output is not None and output.suffix != ".flow":
        raise BundleError(
            f"{output}: a bundle's name has to end with .flow, by which a stack knows it; for JSON leave -o out and "
            "redirect the output"
        )
    try:
        options = Shape.model_validate(
            {
                **shape,
                "configs": values.json_values(configs),
                "parameters": values.json_values(parameters),
                "incident_io_metadata": dict(incident_io_metadata),
                "package_suffixes": tuple(filter(None, package_suffixes.split(","))),
                "settings": values.settings(settings),
                "python": python_version,
                "extra": metaflow_options,
            }
        )
    except ValidationError as error:
        raise CompileError("; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())) from None
    request = CompileRequest(
        flow=flow,
        target=target,
        shape=options,
        config_files={name: Path(path) for name, path in config_files},
        env=values.variables(env),
        python=python,
        lock=lock,
        image_packages=image_packages,
        folder=working_folder,
    )
    compiled = compile_flow(request, _warn)
    for words in unreviewed_files([(compiled, request)])[0]:
        _warn(f"{flow}: {words}")
    if output is None:
        click.echo(json.dumps(json.loads(compiled.to_json()), indent=2, ensure_ascii=False))
    else:
        write_bundle(compiled, output)
        click.echo(f"{output}: {compiled.flow.name}, {len(compiled.flow.steps)} steps, digest {compiled.digest}")


def _warn(text: str) -> None:
    click.secho(f"warning: {text}", fg="yellow", err=True)
