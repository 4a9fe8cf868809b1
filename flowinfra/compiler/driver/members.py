"""A code package by its members: Metaflow adds them to what it takes for an archive, and the parent packs them.

The parent would take the archive apart again, to pack it so that it is the same on any machine. It also reads the
files: between Metaflow's walk and that, files that others made for a while may be gone.
"""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
from typing import Any, BinaryIO, ClassVar

from .protocol import Walk

HEAD = b" " * 8
"""Where gzip has its header: Metaflow clears the time stamp in it."""


class Members:
    """What Metaflow takes for an archive that is open for writing; closed, it writes a list of its members as JSON.

    A member has `name`, and either `path` or `content` (base64).
    """

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.members: list[dict[str, Any]] = []

    def addfile(self, member: tarfile.TarInfo, file: io.BytesIO) -> None:
        self.members.append({"name": member.name, "content": base64.b64encode(file.getvalue()).decode()})

    def close(self) -> None:
        self.out.write(HEAD + json.dumps(self.members).encode())


def add_file(archive: Any, filename: str, arcname: str | None = None) -> None:
    """Replaces the method of Metaflow's archive, which opens each file."""
    archive._archive.members.append({"name": arcname or filename, "path": os.path.abspath(filename)})


class Tarfile:
    """The module tarfile, which opens what is to be written as `Members`."""

    _opened: ClassVar[list[Members]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(tarfile, name)

    @staticmethod
    def open(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("mode") != "w:gz":
            return tarfile.open(*args, **kwargs)
        Tarfile._opened.append(Members(kwargs["fileobj"]))
        return Tarfile._opened[-1]

    @staticmethod
    def members() -> list[dict[str, Any]]:
        """What was written to any of them."""
        return [member for opened in Tarfile._opened for member in opened.members]


def walked(walks: list[Walk], suffixes: list[str]) -> list[list[str]]:
    """What Metaflow's own walk finds in folders, relative to each.

    Args:
        walks: each with `top`, and `modules`: only files with the endings that are packed of a flow's folder.
        suffixes: endings beside Metaflow's own.
    """
    from metaflow.package import DEFAULT_SUFFIXES_LIST
    from metaflow.packaging_sys.utils import suffix_filter, walk

    modules = suffix_filter([*suffixes, *DEFAULT_SUFFIXES_LIST])
    return [
        [name for _, name in walk(each["top"] + "/", file_filter=modules if each["modules"] else None)]
        for each in walks
    ]
