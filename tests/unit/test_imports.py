"""Data flows one way: what each part of the package imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "flowinfra"
DRIVER = PACKAGE / "compiler" / "driver"
ELSEWHERE = {DRIVER: "flowinfra.compiler.driver.", PACKAGE / "local" / "forks": "flowinfra.local.forks."}
"""Run in another interpreter and as packages of other names, so their modules know each other by relative imports."""
PARTS = {
    "targets.request": {"__init__", "target", "options", "pods", "request", "compiled"},
    "targets.reading": {
        *("added", "checks", "jinja", "job_set", "mends", "names", "params", "reading", "rules"),
        *("sharing", "states", "texts", "triggers"),
    },
    "targets.stack": {"stack"},
    "targets.report": {"report"},
    "stack.configuration": {"configuration", "contradictions", "flow", "mistakes", "parsing", "places", "platform"},
}
"""Parts of a folder that stand elsewhere in the order than the rest of it → their modules."""
ORDER = (
    "errors",
    "plugin",
    "aws_plugin",
    "model",
    "engine",
    "clouds",
    "targets.request",
    "compiler",
    "targets.reading",
    "stack.configuration",
    "components",
    "targets",
    "stack",
    "targets.stack",
    "program",
    "testing",
    "report",
    "targets.report",
    "compare",
    "operate",
    "start",
    "local",
    "cli",
)
"""Each part imports from those before it alone."""
LATE = {("compiler", "targets.reading")}
"""A part → one after it, which it loads where it needs it."""
TARGETS = {"step_functions", "argo", "airflow"}
"""Folders of `targets`; none knows another."""


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
            assert node.level == 0 or path.parent in ELSEWHERE, f"{path}: relative import"
            home = ELSEWHERE[path.parent] if node.level else ""
            yield from (f"{home}{node.module or ''}.{alias.name}" for alias in node.names)


def ours(path: Path) -> list[list[str]]:
    """What a file imports of the package, each as its words behind `flowinfra`."""
    return [name.split(".")[1:] for name in imported(path) if name.startswith("flowinfra.")]


def part_of(words: list[str]) -> str:
    """The part that a module is of; `words`: its name without `flowinfra`."""
    folder, name = words[0], words[-1] if words[1:] and words[-1] not in TARGETS else "__init__"
    return next((part for part, names in PARTS.items() if part.split(".")[0] == folder and name in names), folder)


def test_every_part_has_its_place() -> None:
    names = {name.split(".")[1] for name in modules() if "." in name}
    assert names == {part.split(".")[0] for part in ORDER}


def test_nothing_else_stands_at_the_top() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == {"__init__.py", "errors.py", "py.typed"}


@pytest.mark.parametrize("part", ORDER)
def test_a_part_imports_what_is_before_it(part: str) -> None:
    allowed = {*ORDER[: ORDER.index(part) + 1]}
    if part != "cli":
        allowed -= {"local"} - {part}
    known = modules()
    wrong = [
        (name, ".".join(words))
        for name, path in known.items()
        if "." in name and part_of(name.split(".")[1:]) == part
        for words in ours(path)
        if part_of(words if f"flowinfra.{'.'.join(words)}" in known else words[:-1] or words) not in allowed
    ]
    assert [each for each in wrong if (part, part_of(each[1].split(".")[:-1])) not in LATE] == []


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_knows_no_other(target: str) -> None:
    others = TARGETS - {target}
    assert [
        (path.name, ".".join(words))
        for path in (PACKAGE / "targets" / target).rglob("*.py")
        for words in ours(path)
        if words[0] == "targets" and words[1] in others
    ] == []


def test_what_is_for_all_targets_knows_none() -> None:
    shared = [
        *(PACKAGE / "components").glob("*.py"),
        PACKAGE / "targets" / "target.py",
        PACKAGE / "targets" / "mends.py",
        *(PACKAGE / "report").glob("*.py"),
    ]
    assert [
        (path.name, ".".join(words))
        for path in shared
        for words in ours(path)
        if words[0] == "targets" and words[1] in TARGETS
    ] == []


def test_the_list_of_targets_loads_no_keys_of_a_stacks_file() -> None:
    code = "import sys, flowinfra.targets; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"flowinfra.targets.pods", "flowinfra.targets.argo.request"} <= set(loaded)
    keys = {"pulumi", "flowinfra.model.config", "flowinfra.targets.kubernetes"}
    assert [name for name in loaded if name in keys or name.endswith(".section")] == []


def test_what_runs_in_the_flows_interpreter_needs_nothing_but_metaflow() -> None:
    paths = [*DRIVER.glob("*.py"), *(PACKAGE / "operate").glob("*_child.py")]
    known = {*sys.stdlib_module_names, "metaflow"}
    names = [(path.name, name) for path in paths for name in imported(path)]
    assert {"main.py", "target_argo.py"} <= {file for file, _ in names}
    assert [
        (file, name)
        for file, name in names
        if name.split(".")[0] not in known and not name.startswith("flowinfra.compiler.driver.")
    ] == []
