"""Data flows one way: what each part of the package imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "flowinfra"
DRIVER = PACKAGE / "compiler" / "driver"
"""Runs in another interpreter and as a package of another name, so its modules know each other by relative imports."""
ORDER = (
    "errors",
    "plugin",
    "aws_plugin",
    "model",
    "project",
    "account",
    "compiler",
    "cluster",
    "pulumi_command",
    "components",
    "recover",
    "pull_child",
    "pull",
    "trial_child",
    "trial",
    "report",
    "pairing",
    "why",
    "mirror",
    "deployed",
    "verify",
    "gc",
    "program",
    "permissions",
    "versions",
    "preview_stacks",
    "local",
    "cli",
)
"""Each part imports from those before it alone."""
TARGETS = {"step_functions", "argo", "airflow"}
"""Folders of `components`; none knows another."""


def modules(folder: Path = PACKAGE) -> dict[str, Path]:
    """Dotted name → file."""
    names = {path: path.relative_to(folder.parent).with_suffix("").as_posix() for path in folder.rglob("*.py")}
    return {name.removesuffix("/__init__").replace("/", "."): path for path, name in names.items()}


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or path.parent == DRIVER, f"{path}: relative import"
            home = "flowinfra.compiler.driver." if node.level else ""
            yield from (f"{home}{node.module or ''}.{alias.name}" for alias in node.names)


def ours(path: Path) -> list[list[str]]:
    """What a file imports of the package, each as its words behind `flowinfra`."""
    return [name.split(".")[1:] for name in imported(path) if name.startswith("flowinfra.")]


def test_every_part_has_its_place() -> None:
    parts = {name.split(".")[1] for name in modules() if "." in name}
    assert parts == set(ORDER)


@pytest.mark.parametrize("part", ORDER)
def test_a_part_imports_what_is_before_it(part: str) -> None:
    allowed = {*ORDER[: ORDER.index(part) + 1]}
    if part != "cli":
        allowed -= {"local"} - {part}
    wrong = [
        (name, ".".join(words))
        for name, path in modules().items()
        if name.split(".")[1:2] == [part]
        for words in ours(path)
        if words[0] not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_knows_no_other(target: str) -> None:
    folder = PACKAGE / "components" / target
    others = TARGETS - {target}
    assert [
        (path.name, ".".join(words))
        for path in folder.rglob("*.py")
        for words in ours(path)
        if words[0] == "components" and words[1] in others
    ] == []


def test_what_is_for_all_targets_knows_none() -> None:
    shared = [path for path in (PACKAGE / "components").glob("*.py") if path.name != "__init__.py"]
    assert [
        (path.name, ".".join(words))
        for path in shared
        for words in ours(path)
        if words[0] == "components" and words[1] in TARGETS
    ] == []


def test_what_runs_in_the_flows_interpreter_needs_nothing_but_metaflow() -> None:
    paths = [*DRIVER.glob("*.py"), PACKAGE / "pull_child.py", PACKAGE / "trial_child.py"]
    known = {*sys.stdlib_module_names, "metaflow"}
    names = [(path.name, name) for path in paths for name in imported(path)]
    assert {"main.py", "target_argo.py"} <= {file for file, _ in names}
    assert [
        (file, name)
        for file, name in names
        if name.split(".")[0] not in known and not name.startswith("flowinfra.compiler.driver.")
    ] == []
