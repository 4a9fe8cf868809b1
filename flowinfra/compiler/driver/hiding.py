"""Modules of the user's that would be imported in place of those that Metaflow, and what it uses, mean.

A task has the user's folders first on its path, as `python flow.py` has. Here Metaflow is imported before they are on
it, so that nothing would be noticed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from typing import Any

IN_TASKS = ("metaflow.task", "boto3", "requests", "s3transfer.manager")
"""What tasks import beside what a compile does, where it is installed."""


def hidden(packed: Iterable[str], folders: Iterable[str]) -> list[str]:
    """Names of modules that tasks import from elsewhere, and that a packaged file hides from them.

    Args:
        packed: names of packaged files.
        folders: the user's own on the path; they are taken from it.
    """
    own = set(folders)
    sys.path[:] = [folder for folder in sys.path if folder not in own]
    sys.path_importer_cache.clear()
    names = {top for name in packed if (top := _module(name)) and _is_elsewhere(top)}
    if not names:
        return []
    for name in names:
        if not _is_other(sys.modules.get(name), own):
            sys.modules.pop(name, None)
    for module in IN_TASKS:
        try:
            importlib.import_module(module)
        except Exception:  # noqa: S112  (what is not installed, or cannot be imported here, hides nothing)
            continue
    return sorted(name for name in names if name in sys.modules)


def _module(name: str) -> str | None:
    """The module that a file at the top of the package is."""
    parts = name.split("/")
    if len(parts) == 1 and name.endswith(".py"):
        return name.removesuffix(".py")
    return parts[0] if parts[1:] == ["__init__.py"] else None


def _is_elsewhere(name: str) -> bool:
    """Whether there is such a module, which is found by the path, not built into the interpreter."""
    try:
        built_in = BuiltinImporter.find_spec(name) or FrozenImporter.find_spec(name)
        return not built_in and PathFinder.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _is_other(module: Any, folders: set[str]) -> bool:
    """Whether a module that is loaded is not the user's."""
    file = getattr(module, "__file__", None) or ""
    return module is not None and not file.startswith(tuple(folder + "/" for folder in folders))
