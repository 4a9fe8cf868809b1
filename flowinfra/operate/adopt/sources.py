"""The flows of a project, found in its files without running them."""

from __future__ import annotations

import ast
from pathlib import Path

from flowinfra.engine.python_files import python_files_below


def flows_in(root: Path) -> dict[str, list[str]]:
    """Name of each class that a flow may be → the files that have one, as paths from `root`."""
    found: dict[str, list[str]] = {}
    for path in sorted(python_files_below(root)):
        for name in classes_of(path):
            found.setdefault(name, []).append(path.relative_to(root).as_posix())
    return found


def project_of(path: Path, name: str) -> str | None:
    """Name that `@project` gives a flow, where it is written in the file; None where it is not."""
    for each in getattr(_class(path, name), "decorator_list", ()):
        if isinstance(each, ast.Call) and ast.unparse(each.func).rpartition(".")[2] == "project":
            given = [item.value for item in each.keywords if item.arg == "name"]
            if given and isinstance(given[0], ast.Constant):
                return str(given[0].value)
    return None


def docstring_of(path: Path, name: str) -> str | None:
    """Docstring of a flow's class, as it is written."""
    found = _class(path, name)
    return ast.get_docstring(found, clean=False) if found else None


def _class(path: Path, name: str) -> ast.ClassDef | None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)


def classes_of(path: Path) -> list[str]:
    """Names of the classes with bases at the top of a module; none where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
        if "metaflow" not in text and "FlowSpec" not in text:
            return []
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.bases]
