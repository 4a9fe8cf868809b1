"""A text file on the machine that deploys, as a Pulumi resource.

A dynamic provider of Pulumi's Python SDK: it needs no plugin but `pulumi-resource-pulumi-python`, which comes with the
Pulumi CLI. This module is what the state refers to, so its name and that of the provider stay.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

LAUNCHER = "pulumi-resource-pulumi-python"


def lacks_launcher(path: str) -> str:
    """What to do where Pulumi on this search path lacks the launcher; empty where it has it, or no Pulumi is there.

    Pulumi's own error names a download that does not exist. Here it is not an error: where `pulumi` is a script that
    starts another `pulumi`, the launcher is beside that one.
    """
    pulumi_cli = shutil.which("pulumi", path=path)
    if pulumi_cli is None:
        return ""
    if shutil.which(LAUNCHER, path=os.pathsep.join([str(Path(pulumi_cli).resolve().parent), path])):
        return ""
    return (
        f"{LAUNCHER} is neither beside {pulumi_cli} nor on PATH; Pulumi writes files to a folder with it. It comes "
        "with Pulumi (https://www.pulumi.com/docs/install), and `make setup` adds it to the Pulumi that it has built"
    )


class LocalFileProvider(ResourceProvider):
    """Writes, reads and removes the file; its path is its id."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Write the file, over one that is there; raises OSError where it cannot be written."""
        _write(Path(props["path"]), props["content"])
        return CreateResult(str(props["path"]), _state(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What is there now."""
        text = _text(Path(id_))
        return ReadResult(None, {}) if text is None else ReadResult(id_, {"path": id_, "content": text})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another path is another file; another text is written over it."""
        changed = [name for name in ("path", "content") if _olds.get(name) != _news.get(name)]
        return DiffResult(changes=bool(changed), replaces=[name for name in changed if name == "path"])

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Write the text over the old one."""
        _write(Path(_id), _news["content"])
        return UpdateResult(_state(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove the file, if it is there."""
        Path(_id).unlink(missing_ok=True)


class LocalFile(Resource):
    """A text file; it goes when the resource goes."""

    path: pulumi.Output[str]
    content: pulumi.Output[str]

    def __init__(
        self, name: str, path: str, content: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Have a file.

        Args:
            name: in Pulumi.
            path: absolute; its folder exists.
            content: its text.
            opts: of the resource.
        """
        super().__init__(LocalFileProvider(), name, {"path": path, "content": content}, opts)


def _state(props: Mapping[str, Any]) -> dict[str, Any]:
    return {"path": props["path"], "content": props["content"]}


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _write(path: Path, text: str) -> None:
    """Write at once: whoever reads the folder never sees half a file, nor another one."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
