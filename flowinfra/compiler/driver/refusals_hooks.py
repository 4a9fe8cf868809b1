"""Functions of @exit_hook that Metaflow cannot load, or call, when a run has ended.

Metaflow keeps the name of a function alone, and looks it up again in the hook's pod (`metaflow.plugins.exit_hook.
exit_hook_script`): a name with dots by import, any other in the flow's module. What it finds has to be the function.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from . import places
from .protocol import Part

_MISSING, _LATER = object(), object()
"""Stand for what is not there, or not yet: a flow is started before its file is read to the end."""
_WRITE = "write a function with `def` at the left margin of the flow's file, and give it by its own name"
_ONCE = "Metaflow runs a function once: give it in one decorator"


def refusals(flow: Any) -> Iterator[Part]:
    """Functions of exit hooks that would not run."""
    decorators = flow._flow_decorators.get("exit_hook", ())
    where = places.of_flow_decorators(type(flow), "exit_hook")
    # the last one above a class is the first that Python calls
    lines = where[::-1] if len(where) == len(decorators) else where[:1] * len(decorators)
    seen: dict[tuple[str, str], Any] = {}
    for decorator, line in zip(decorators, lines or [places.NOWHERE] * len(decorators)):  # noqa: B905  (Python 3.9)
        for option in ("on_success", "on_error"):
            hooks, options = decorator.attributes[option], decorator.attributes["options"]
            repeated = [name for name in map(_name, hooks) if seen.setdefault((option, name), options) != options]
            for words in (
                *_problems(hooks),
                *(f"found {name!r} twice, with other options; {_ONCE}" for name in repeated),
            ):
                yield {"subject": f"@exit_hook of {flow.name}", "words": f"{option}: {words}", **line}


def _name(hook: Any) -> str:
    return hook if isinstance(hook, str) else hook.__name__


def _problems(hooks: Any) -> Iterator[str]:
    if isinstance(hooks, str):
        yield f"found {hooks!r}, allowed: a list, such as [{hooks!r}]"
        return
    for hook in hooks:
        by_name = isinstance(hook, str)
        name = _name(hook)
        given = repr(hook) if by_name else "a lambda" if name == "<lambda>" else f"the function {hook.__qualname__}"
        try:
            loaded = _loaded(name)
        except Exception as problem:  # of whatever kind: a module of the user's is imported
            yield f"found {given}, which cannot be imported: {type(problem).__name__}: {problem}"
            continue
        if loaded is _MISSING or (loaded is _LATER and not by_name):
            yield f"found {given}, but Metaflow looks for {name!r} in the flow's file, where it is not; {_WRITE}"
        elif loaded is _LATER:
            continue
        elif loaded is not hook and not by_name:
            yield f"found {given}, but {name!r} is something else in the flow's file, which would run instead; {_WRITE}"
        elif (words := _call_problem(loaded)) is not None:
            yield f"found {given}, which cannot be called: {words}; it gets `run` or nothing, by its parameters"


def _loaded(name: str) -> Any:
    """What the hook's pod finds by a name."""
    module, dot, function = name.rpartition(".")
    if dot and module != pathlib.Path(sys.argv[0]).stem:
        return getattr(importlib.import_module(module), function)
    started: set[str] = set()
    others: set[str] = set()
    for statement in places.tree(sys.argv[0]).body:
        is_start = isinstance(statement, ast.If) and "__name__" in {
            node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)
        }
        (started if is_start else others).update(_bound(statement))
    if function in started - others:
        return _MISSING  # the pod imports the file, and starts no flow
    return getattr(sys.modules["__main__"], function, _LATER if function in others else _MISSING)


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement of a module gives something."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.Name):
        yield from (node.id,) if isinstance(node.ctx, ast.Store) else ()
    else:
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def _call_problem(function: Any) -> str | None:
    """What goes wrong where the hook's pod calls a function, with its words about parameters."""
    try:
        described = inspect.getfullargspec(function)
        run = {"run": None} if "run" in described.args or described.varkw is not None else {}
        inspect.signature(function, follow_wrapped=False).bind(**run)
    except TypeError as problem:
        return str(problem)
    return None
