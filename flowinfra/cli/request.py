"""Options that say what is compiled, which `compile`, `try` and `lock` share, and the request that they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from flowinfra.cli import completion, values
from flowinfra.cli.options import common_option, own_options, plain
from flowinfra.cli.values import PAIR
from flowinfra.compiler import CompileRequest
from flowinfra.targets import TARGETS, shape_of

Command = Callable[..., None]

_FLOW = (
    click.option("--with", "decospecs", multiple=True, metavar="DECOSPEC", help="Metaflow's --with: retry:times=3."),
    click.option("--config", "config_files", type=PAIR, multiple=True, metavar="NAME FILE", help="File for a Config."),
    click.option("--config-value", "configs", type=PAIR, multiple=True, metavar="NAME JSON", help="Value of a Config."),
    click.option("--python", help="Interpreter with the flow's dependencies."),
    click.option("--package-suffixes", default="", help="Further file endings to package, comma-separated."),
    click.option("--package-root", metavar="FOLDER", help="Folder that tasks import added files from  [default: .]"),
    click.option("--package-include", multiple=True, metavar="GLOB", help="File, folder or glob to package, too."),
    click.option("--package-exclude", multiple=True, metavar="GLOB", help="File, folder or glob to leave out."),
    click.option(
        "--working-folder", metavar="FOLDER", help="Where the flow's module runs; `flow`: its own  [default: .]"
    ),
    click.option("--env", "env", multiple=True, metavar="NAME[=VALUE]", help="Variable that the flow may read."),
    click.option("--setting", "settings", multiple=True, metavar="METAFLOW_X=VALUE", help="Metaflow setting."),
)
_TASKS = (
    click.option(
        "-t",
        "--target",
        default="step-functions",
        show_default=True,
        shell_complete=completion.targets,
        help=f"One of: {', '.join(TARGETS)}.",
    ),
    click.option("--branch", help="Branch of a @project flow."),
    click.option("--production", is_flag=True, help="A @project flow in production."),
    common_option("environment"),
    click.option(
        "--lock", type=click.Path(path_type=Path), help="Lock of @conda/@pypi packages, if not FLOW.lock.json."
    ),
    common_option("image"),
    click.option(
        "--image-package",
        "image_packages",
        multiple=True,
        metavar="NAME|FILE",
        help="What the image has: a requirement, a glob of names, or a requirements file.",
    ),
    click.option(
        "--python-version",
        metavar="3.N",
        default="",
        help="Python of the tasks and their default image, in place of the compiling interpreter's.",
    ),
)


def target_options(command: Command) -> Command:
    """Options that are declared with a target, and others that only `compile` has; as `request` takes them."""
    common = ("namespace", "max_workers", "workflow_timeout", "metadata")
    for option in reversed([*map(common_option, common), *own_options()]):
        command = option(command)
    return command


def flow_options(command: Command) -> Command:
    """Options that say what the flow is; as `request` takes them."""
    for option in reversed(_FLOW):
        command = option(command)
    return command


def task_options(command: Command) -> Command:
    """Options that say where and with what its tasks run; as `request` takes them."""
    for option in reversed(_TASKS):
        command = option(command)
    return command


def request(
    flow: Path,
    *,
    config_files: tuple[tuple[str, str], ...],
    configs: tuple[tuple[str, str], ...],
    python: str | None,
    package_suffixes: str,
    working_folder: str | None,
    env: tuple[str, ...],
    settings: tuple[str, ...],
    target: str = "step-functions",
    lock: Path | None = None,
    image_packages: tuple[str, ...] = (),
    python_version: str = "",
    **shape: Any,
) -> CompileRequest:
    """What the options ask for; `shape` are those that `Shape` has by the same name.

    Raises:
        CompileError: values that are not right, all at once.
    """
    asked = {
        **{name: plain(name, value) for name, value in shape.items()},
        "configs": values.json_values(configs),
        "package_suffixes": tuple(filter(None, package_suffixes.split(","))),
        "settings": values.settings(settings),
        "python": python_version,
    }
    return CompileRequest(
        flow=flow,
        target=target,
        shape=shape_of(target, asked, str(flow)),
        config_files={name: Path(path) for name, path in config_files},
        env=values.variables(env),
        python=python,
        lock=lock,
        image_packages=image_packages,
        folder=working_folder,
    )
