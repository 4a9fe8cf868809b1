"""Where jobs keep Python's byte code, so that not every job compiles boto3 and Metaflow again.

One tree (PYTHONPYCACHEPREFIX) per code package: all of a package's files have one modification time, so an edit
of the same size would meet stale byte code. What belongs to the interpreter is the same for all packages, and its
modification times are real: in every tree, those parts are links to one that outlives the emulator.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from flowinfra.engine.folders import cache_folder


def shared_folder() -> Path:
    """Byte code of interpreters and their packages, in the user's cache folder."""
    return cache_folder("bytecode")


def tree(root: Path, package: str, interpreter: Iterable[Path], shared: Path) -> Path:
    """Find the tree of a code package in `root`, or make it where it does not exist yet.

    `interpreter` are the folders of the interpreter and its packages. Several jobs may ask at once.
    """
    folder = root / package
    folder.mkdir(parents=True, exist_ok=True)
    for path in outermost(interpreter):
        below = path.relative_to(path.anchor)
        link, target = folder / below, shared / below
        target.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            link.symlink_to(target, target_is_directory=True)
    return folder


def outermost(paths: Iterable[Path]) -> list[Path]:
    """`paths` without those inside another one."""
    every = sorted(set(paths))
    return [path for path in every if not any(path != other and path.is_relative_to(other) for other in every)]
