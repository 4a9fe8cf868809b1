"""The Python files of a project's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_NO_SOURCES = {"__pycache__", "node_modules", "site-packages"}


def python_files_below(root: Path) -> Iterator[Path]:
    """Python files of a folder and its subfolders; neither hidden folders nor virtual environments are looked into."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in _NO_SOURCES and not (here / name / "pyvenv.cfg").exists()
        ]
        yield from (here / name for name in files if name.endswith(".py"))
