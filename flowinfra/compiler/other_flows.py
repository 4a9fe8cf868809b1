"""Which other flows the code of a flow names: `Flow("Train")`, `Run("Train/12")` and the like of Metaflow's Client API.

A task that reads another flow's artifacts needs the right to, and the code says so only where the name stands in it.
The flow's file is looked through, and what it imports of its code package; a name that is put together at run time is
not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from threading import Lock

CLIENT = ("Flow", "Run", "Step", "Task", "DataArtifact")
"""What the Client API takes a path with, which begins with the flow's name."""
_CODE = ".mf_code/"


def named_flows(sources: Mapping[str, bytes], file: str, own: str) -> tuple[str, ...]:
    """Names of other flows, sorted.

    Args:
        sources: path → content, of the Python files of the code package.
        file: the flow's file among them.
        own: the flow's own name.
    """
    sources = {name.removeprefix(_CODE): body for name, body in sources.items()}
    found: set[str] = set()
    waiting, seen = [file], {file}
    while waiting:
        name = waiting.pop()
        tree = _tree(sources.get(name))
        if tree is None:
            continue
        found |= set(_named(tree))
        new = set(_imported(tree, name, sources)) - seen
        seen |= new
        waiting += sorted(new)
    return tuple(sorted(found - {own}))


_PARSING = Lock()
"""Flows are compiled in threads, and Python 3.11 counts the depth of all that it parses at a time in one place:
`SystemError: AST constructor recursion depth mismatch` (python/cpython#106905)."""


def _tree(text: bytes | None) -> ast.Module | None:
    """The syntax tree of a file; None where there is no file, or it is not for this version of Python."""
    if text is None:
        return None
    try:
        return _parsed(text)
    except (SyntaxError, ValueError):
        return None


def _parsed(text: bytes) -> ast.Module:
    with _PARSING:
        try:
            return ast.parse(text)
        except SystemError:
            # a finalizer, which Python ran in the midst of it, parsed something, too
            return ast.parse(text)


def _named(tree: ast.Module) -> Iterator[str]:
    classes, modules = _bound(tree)
    if not classes and not modules:
        return
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _is_client(node.func, classes, modules):
            given = node.args[0]
            value = constants.get(given.id, given) if isinstance(given, ast.Name) else given
            if name := _beginning(value).partition("/")[0]:
                yield name


def _bound(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Names that mean a class of the Client API, and names that mean Metaflow, anywhere in the file."""
    classes, modules = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "metaflow":
            classes |= {alias.asname or alias.name for alias in node.names if alias.name in CLIENT}
            if any(alias.name == "*" for alias in node.names):
                classes |= set(CLIENT)
            modules |= {alias.asname or alias.name for alias in node.names if alias.name == "client"}
        elif isinstance(node, ast.Import):
            own = [alias for alias in node.names if alias.name.partition(".")[0] == "metaflow"]
            modules |= {alias.asname or "metaflow" for alias in own}
    return classes, modules


def _is_client(called: ast.expr, classes: set[str], modules: set[str]) -> bool:
    if isinstance(called, ast.Name):
        return called.id in classes
    if not isinstance(called, ast.Attribute) or called.attr not in CLIENT:
        return False
    base = called.value
    while isinstance(base, ast.Attribute):
        base = base.value
    return isinstance(base, ast.Name) and base.id in modules


def _beginning(value: ast.expr) -> str:
    """What a text begins with, as far as the name in it is whole."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if isinstance(value, ast.JoinedStr) and value.values:
        first = _beginning(value.values[0])
        return first if "/" in first else ""
    if isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Add, ast.Mod)):
        first = _beginning(value.left)
        return first if "/" in first and "%" not in first.partition("/")[0] else ""
    return ""


def _imported(tree: ast.Module, name: str, sources: Mapping[str, bytes]) -> Iterator[str]:
    """Files of the package that a file imports, anywhere in it."""
    folders = name.split("/")[:-1]
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name.replace(".", "/") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "/".join(folders[: len(folders) - node.level + 1]) if node.level else ""
            module = "/".join(part for part in (base, (node.module or "").replace(".", "/")) if part)
            modules = [module, *("/".join(filter(None, (module, alias.name))) for alias in node.names)]
        for module in modules:
            parts = module.split("/")
            if parts[0] == "metaflow":
                continue  # its own code is in each package, and names no flow
            packages = ["/".join(parts[:count]) + "/__init__.py" for count in range(1, len(parts) + 1)]
            yield from (path for path in (f"{module}.py", *packages) if path in sources)
