"""A file that a flow reads and that is not there: where it was looked for, and where it may be."""

from __future__ import annotations

import os
import re
from pathlib import Path

from flowinfra.compiler.request import OF_FLOW, CompileRequest

_FILE = re.compile(
    r"configuration file '(.+?)' could not be read|could not open file '(.+?)' for reading"
    r"|No such file or directory: '(.+?)'"
)
"""Metaflow's words for a Config and for an IncludeFile, and Python's own."""


def looked_for(request: CompileRequest, message: str) -> str:
    """What is to be added to a message about a file that is not there; nothing for another one."""
    found = _FILE.search(message)
    if found is None:
        return ""
    path = next(filter(None, found.groups()))
    folder = request.working_folder
    if Path(path).is_absolute() or (folder / path).exists():
        return ""
    words = f"; it was looked for in {_told(folder, request.root)}, where the flow is compiled (`working_folder`)"
    beside = request.file.parent / path
    if beside.exists():
        written = Path(os.path.relpath(beside, folder)).as_posix()
        return (
            f"{words}, and is beside the flow: write {written!r}, or give `working_folder: {OF_FLOW}` (on the command "
            f"line --working-folder {OF_FLOW})"
        )
    return f"{words}; write its path from there"


def _told(folder: Path, root: Path | None) -> str:
    """The name of a folder that is the same on every machine."""
    if folder == root:
        return "the project's folder"
    return folder.relative_to(root).as_posix() if root and folder.is_relative_to(root) else str(folder)
