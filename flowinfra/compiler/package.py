"""The code package, made reproducible: same files → same digest, on any machine, for any user.

Metaflow's own package depends on who packs it, where and when: member order, modes, owners, and an INFO file with user,
git state and the interpreter's build. Here it is packed with sorted members, fixed metadata and an INFO of what a task
reads. The digest is that of the uncompressed archive, because compressors differ between machines.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from flowinfra.compiler.driver.members import HEAD
from flowinfra.errors import CompileError
from flowinfra.model.compiled import SourceFile

EPOCH = 1575360000
"""The modification time that Metaflow itself gives to every member."""
METAFLOW_PREFIX = ".mf_"
METAFLOW_CODE = (".mf_code/metaflow/", ".mf_code/metaflow_extensions/")
"""Folders of code that is Metaflow's own; beside them lie modules with the user's own decorators."""
KEPT_INFO = ("environment_type", "ext_info", "metaflow_version", "script", "use_r")


@dataclass(frozen=True)
class Package:
    """A packed code package.

    Attributes:
        content: the uncompressed archive.
        files: path → file, of the user's code.
        metaflow: sha256 over the code that is Metaflow's own (and its extensions').
    """

    content: bytes
    files: dict[str, SourceFile]
    metaflow: str

    @property
    def digest(self) -> str:
        """sha1 of the content: what Metaflow calls the package's sha."""
        return hashlib.sha1(self.content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Selection:
    """`package:` of a flow: what to leave out and what to add.

    Attributes:
        folder: the flow's folder.
        root: folder whose modules are packaged beside the flow's, or None.
        include: globs of further files, relative to the flow's folder.
        exclude: globs of packaged paths to leave out (never the flow's own file).
        suffixes: file name endings that are packaged from `root`.
        flow_file: base name of the flow's file.
    """

    folder: Path
    root: Path | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    suffixes: tuple[str, ...]
    flow_file: str


def pack(listed: bytes, selection: Selection, python: str, git: Mapping[str, str]) -> Package:
    """Pack what Metaflow would, reproducibly.

    Args:
        listed: the members, as `driver.members` lists them.
        selection: what to leave out and to add.
        python: minor version of the interpreter, for INFO.
        git: provenance to put into INFO; empty for none.
    """
    members = {entry["name"]: (_content(entry), entry["executable"]) for entry in json.loads(listed[len(HEAD) :])}
    members = {**_added(selection, members), **members}
    members = {name: entry for name, entry in members.items() if not _excluded(name, selection)}
    info = next((name for name in (".mf_meta/INFO", "INFO") if name in members), None)
    if info is None:
        raise CompileError("Metaflow's code package has no INFO file; this version is not supported")
    members[info] = (_info(members[info][0], python, git), False)
    out = io.BytesIO()
    own = hashlib.sha256()
    files: dict[str, SourceFile] = {}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as packed:
        for name in sorted(members):
            body, executable = members[name]
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(body), EPOCH, 0o755 if executable else 0o644
            packed.addfile(entry, io.BytesIO(body))
            if name.startswith(METAFLOW_CODE):
                own.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
            elif name.startswith(".mf_code/") or not name.startswith(METAFLOW_PREFIX):
                files[name] = SourceFile(sha256=hashlib.sha256(body).hexdigest(), size=len(body))
    return Package(out.getvalue(), files, own.hexdigest())


def compress(content: bytes) -> bytes:
    """Gzip without a time stamp, at Metaflow's own level: a higher one takes twice as long for 11% less."""
    return gzip.compress(content, compresslevel=3, mtime=0)


def _content(entry: Mapping[str, str]) -> bytes:
    return Path(entry["path"]).read_bytes() if "path" in entry else base64.b64decode(entry["content"])


def _info(body: bytes, python: str, git: Mapping[str, str]) -> bytes:
    found = json.loads(body)
    kept = {key: found[key] for key in KEPT_INFO if key in found}
    return json.dumps({**kept, "python_version": python, **git}, sort_keys=True).encode()


def _excluded(name: str, selection: Selection) -> bool:
    if name.startswith(METAFLOW_PREFIX) or name == selection.flow_file:
        return False
    return any(fnmatchcase(name, glob) for glob in selection.exclude)


def _added(selection: Selection, present: Mapping[str, object]) -> dict[str, tuple[bytes, bool]]:
    """Files that `package.include` and `package.root` add; the flow's own folder wins over the root."""
    added: dict[str, tuple[bytes, bool]] = {}
    for root, paths in _candidates(selection):
        for path in paths:
            name = path.relative_to(root).as_posix()
            if name not in present and path.is_file():
                added.setdefault(name, (path.read_bytes(), bool(path.stat().st_mode & 0o100)))
    return added


def _candidates(selection: Selection) -> list[tuple[Path, list[Path]]]:
    included: list[Path] = []
    for glob in selection.include:
        found = sorted(path for path in selection.folder.glob(glob) if path.is_file())
        if not found:
            raise CompileError(
                f"{selection.folder / selection.flow_file}: package.include: {glob!r} matches no file below its folder"
            )
        included += found
    candidates = [(selection.folder, included)]
    if selection.root is not None:
        candidates.append((selection.root, package_files(selection.root, selection.suffixes)))
    return candidates


def package_files(root: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Files below `root` with one of the suffixes, hidden folders left out, sorted."""
    return sorted(
        path
        for path in root.rglob("*")
        if path.suffix in suffixes and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
