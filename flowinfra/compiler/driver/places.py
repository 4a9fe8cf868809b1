"""Where in the user's source something of a flow stands."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from typing import Any

from .protocol import Place

NOWHERE: Place = {"file": None, "line": None}


def of_step(node: Any) -> Place:
    """The line of a step's `def`."""
    return {"file": node.source_file, "line": node.func_lineno}


def of_flow_decorator(flow_class: type, name: str) -> Place:
    """The line of a decorator of the flow; unknown for one that a mutator or an option added."""
    return next(iter(of_flow_decorators(flow_class, name)), NOWHERE)


def of_flow_decorators(flow_class: type, name: str) -> list[Place]:
    """The lines of all decorators of the flow with a name, the nearest class's first."""
    found: list[Place] = []
    for file, source in _classes(flow_class):
        for decorator in source.decorator_list:
            written = decorator.func if isinstance(decorator, ast.Call) else decorator
            if getattr(written, "attr", getattr(written, "id", None)) == name:
                found.append({"file": file, "line": decorator.lineno})
    return found


def of_attribute(flow_class: type, name: str) -> Place:
    """The line at which an attribute of the flow, such as a parameter, is set; unknown for one that a mutator added."""
    for file, source in _classes(flow_class):
        for statement in source.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return {"file": file, "line": statement.lineno}
    return NOWHERE


def decorated(file: str, line: int) -> str | None:
    """What the decorator at a line of the source is put on: `step NAME` or `flow NAME`; None for another line."""
    for node in ast.walk(tree(file)):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or not node.decorator_list:
            continue
        if node.decorator_list[0].lineno <= line <= node.lineno:
            return f"{'flow' if isinstance(node, ast.ClassDef) else 'step'} {node.name}"
    return None


def _classes(flow_class: type) -> Iterator[tuple[str, ast.ClassDef]]:
    """File and source of the flow's class and of those that it inherits from, nearest first."""
    for each in flow_class.__mro__:
        if each is object or each.__module__.startswith("metaflow."):
            continue
        # once the flow's file has run, `__main__` is the driver's again
        file = sys.argv[0] if each.__module__ == "__main__" else inspect.getsourcefile(each)
        assert file is not None
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.ClassDef) and node.name == each.__name__:
                yield file, node


def tree(file: str) -> ast.Module:
    """The source of a module, in the encoding that Python takes it for: its byte order mark and first lines say."""
    with open(file, "rb") as source:
        return ast.parse(source.read(), file)
