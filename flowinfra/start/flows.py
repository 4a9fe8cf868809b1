"""The flows of a repository, found by reading its Python files: nothing of them is run."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from flowinfra.compiler.globs import Pattern, is_glob
from flowinfra.compiler.provenance import files_of_git
from flowinfra.engine.python_files import python_files_below
from flowinfra.start.shared import NOTHING, Shared, SharedCode, parsed

_FLOW = "FlowSpec"


@dataclass(frozen=True)
class FoundFlow:
    """A file that starts a flow."""

    file: str
    """Path from the repository's folder."""
    name: str
    """Name of the flow's class."""
    project: bool = False
    """Whether the flow has @project."""
    shared: Shared = NOTHING
    """Code of the repository that the flow imports from outside of its folder."""


@dataclass(frozen=True)
class Found:
    """What was found in a repository."""

    flows: tuple[FoundFlow, ...]
    passed_over: tuple[str, ...]
    """For each file that has a flow and is not taken: `file: why`."""


def find_flows(folder: Path, only: Collection[str] = ()) -> Found:
    """Read the Python files of a repository that git does not ignore, and find the flows that they start.

    Args:
        folder: the repository's folder, or one in it.
        only: paths, folders and globs of files to look at; none for all.
    """
    files = python_files(folder)
    modules, classes = _modules(folder, files)
    inherited = {base for module in modules.values() for bases in module.bases.values() for base in bases}
    code = SharedCode(folder, files)
    wanted = [Pattern(text, folder) for text in only]
    flows, passed_over = [], []
    for file, module in modules.items():
        if wanted and not any(pattern.matches(file) for pattern in wanted):
            continue
        name, why = module.flow(classes, inherited)
        if name and is_glob(file):
            name, why = None, "its name has characters of a glob (`*`, `?`, `[`); rename it"
        if why:
            passed_over.append(f"{file}: {why}")
        elif name:
            flows.append(FoundFlow(file, name, module.is_project(name, modules)))
    homes = {flow.file for flow in flows}
    return Found(tuple(replace(flow, shared=code.of(flow.file, homes)) for flow in flows), tuple(passed_over))


def python_files(folder: Path) -> list[str]:
    """Paths of the Python files of a folder, sorted: those that git does not ignore, or outside of git all."""
    listed = files_of_git(folder, "*.py")
    if listed is None:
        listed = [file.relative_to(folder).as_posix() for file in python_files_below(folder)]
    return sorted(file for file in listed if (folder / file).is_file())


def _modules(folder: Path, files: Iterable[str]) -> tuple[dict[str, _Module], set[str]]:
    """The modules that speak of flows, and the names of all classes that are flows: a file without such a name is
    not parsed.
    """
    texts = {file: (folder / file).read_bytes() for file in files}
    modules: dict[str, _Module] = {}
    classes: set[str] = set()
    new = {_FLOW}
    while new:
        classes |= new
        for file, text in texts.items():
            if file not in modules and any(name.encode() in text for name in new):
                modules[file] = _Module(text)
        heirs = [(name, bases) for module in modules.values() for name, bases in module.bases.items()]
        new = {name for name, bases in heirs if not classes.isdisjoint(bases)} - classes
    return dict(sorted(modules.items())), classes


class _Module:
    """A module that speaks of flows."""

    def __init__(self, text: bytes) -> None:
        self.problem: str | None = None
        """Why it cannot be read."""
        self.tree = ast.Module([], [])
        try:
            self.tree = parsed(text)
        except ValueError as error:
            self.problem = f"is not Python that this interpreter reads: {error}"

    @cached_property
    def bases(self) -> Mapping[str, list[str]]:
        """Class → names of its bases, as they were called where they were defined."""
        imports = [node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom)]
        original = {alias.asname: alias.name for node in imports for alias in node.names if alias.asname}
        return {
            node.name: [original.get(name, name) for base in node.bases if (name := _last(base))]
            for node in self.classes
        }

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        """All classes that it defines."""
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]

    def flow(self, classes: set[str], inherited: Collection[str]) -> tuple[str | None, str | None]:
        """The name of the class that the file starts, or why the file is not taken; neither for one without a flow."""
        if self.problem:
            return None, self.problem
        own = {name for name, bases in self.bases.items() if not classes.isdisjoint(bases)}
        calls = [node.func for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        started = sorted(own & {each.id for each in calls if isinstance(each, ast.Name)})
        if len(started) > 1:
            return None, f"starts more than one flow ({', '.join(started)}); keep one flow per file"
        idle = sorted(own - {*inherited})
        if not started and idle:
            return None, f"never starts {', '.join(idle)}; end the file with `if __name__ == '__main__': {idle[0]}()`"
        return (started[0] if started else None), None

    def is_project(self, name: str, modules: Mapping[str, _Module]) -> bool:
        """Whether a class has @project, itself or by a base class in any of the modules."""
        waiting, seen = [name], set[str]()
        while waiting:
            each = waiting.pop()
            seen.add(each)
            for module in modules.values():
                decorators = [_last(one) for node in module.classes if node.name == each for one in node.decorator_list]
                if "project" in decorators:
                    return True
                waiting += [base for base in module.bases.get(each, ()) if base not in seen]
        return False


def _last(node: ast.expr) -> str:
    """The last name of `a.b.C`, also where it is called; empty for any other expression."""
    if isinstance(node, ast.Call):
        return _last(node.func)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
