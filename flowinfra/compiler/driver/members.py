"""A code package by its members: Metaflow adds them to what it takes for an archive, and the parent packs them.

The parent would take the archive apart again, to pack it so that it is the same on any machine.
"""

from __future__ import annotations

import base64
import io
import json
import os
import stat
import tarfile
from typing import Any, BinaryIO

HEAD = b" " * 8
"""Where gzip has its header: Metaflow clears the time stamp in it."""


class Member:
    """A file that is to be packed."""

    def __init__(self, path: str, name: str) -> None:
        mode = os.stat(path).st_mode
        self.path, self.name = os.path.abspath(path), name
        self.regular, self.executable = stat.S_ISREG(mode), bool(mode & 0o100)


class Members:
    """What Metaflow takes for an archive that is open for writing; closed, it writes a list of its members as JSON.

    A member has `name`, `executable`, and either `path` or `content` (base64).
    """

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.members: list[dict[str, Any]] = []

    @staticmethod
    def gettarinfo(path: str, name: str | None) -> Member:
        return Member(path, name or path)

    def addfile(self, member: Any, file: BinaryIO) -> None:
        if isinstance(file, io.BytesIO):
            content = base64.b64encode(file.getvalue()).decode()
            self.members.append({"name": member.name, "executable": False, "content": content})
        elif member.regular:
            self.members.append({"name": member.name, "executable": member.executable, "path": member.path})

    def close(self) -> None:
        self.out.write(HEAD + json.dumps(self.members).encode())


class Tarfile:
    """The module tarfile, which opens what is to be written as `Members`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(tarfile, name)

    @staticmethod
    def open(*args: Any, **kwargs: Any) -> Any:
        return Members(kwargs["fileobj"]) if kwargs.get("mode") == "w:gz" else tarfile.open(*args, **kwargs)
