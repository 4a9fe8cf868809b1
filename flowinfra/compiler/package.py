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
import stat
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, realpath

from flowinfra.compiler.driver.members import HEAD
from flowinfra.compiler.provenance import WorkTrees
from flowinfra.compiler.selection import Selection
from flowinfra.errors import CompileError, together
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
        sources: path → content, of its Python files.
        metaflow: sha256 over the code that is Metaflow's own (and its extensions').
        read: path → sha256, of every file but those of installed distributions.
        ignored: files and folders that git ignores, which made a difference.
    """

    content: bytes
    files: dict[str, SourceFile]
    sources: Mapping[str, bytes]
    metaflow: str
    read: Mapping[str, str]
    ignored: Sequence[str]

    @property
    def digest(self) -> str:
        """sha1 of the content: what Metaflow calls the package's sha."""
        return hashlib.sha1(self.content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Offered:
    """What there is to pack.

    Attributes:
        listed: the members that Metaflow has, as `driver.members` lists them.
        walked: what each of the selection's walks found.
        libraries: folders of the interpreter and of installed distributions.
        hidden: modules that tasks import from elsewhere, if no packaged file is in the way.
        own: name → content of files of flowinfra's own.
    """

    listed: bytes
    walked: Sequence[Sequence[str]]
    libraries: Sequence[str]
    hidden: Sequence[str]
    own: Mapping[str, bytes] = field(default_factory=dict)


def pack(offered: Offered, selection: Selection, trees: WorkTrees, python: str) -> Package:
    """Pack the files that Metaflow would pack, reproducibly.

    Args:
        offered: what there is.
        selection: what to leave out and to add.
        trees: what git ignores.
        python: minor version of the interpreter, for INFO.

    Raises:
        CompileError: something to be packed is not a regular file, or a file that is named does not exist.
    """
    members = {entry["name"]: entry for entry in json.loads(offered.listed[len(HEAD) :])}
    added = {name: {"name": name, "path": path} for name, path in selection.added(offered.walked).items()}
    choice = _Choice(selection, trees, tuple(f"{folder}/" for folder in offered.libraries))
    members = {name: entry for name, entry in {**added, **members}.items() if choice.takes(name, entry)}
    info = next((name for name in (".mf_meta/INFO", "INFO") if "content" in members.get(name, {})), None)
    if info is None:
        raise CompileError("Metaflow's code package has no INFO file; this version is not supported")
    content = _info(base64.b64decode(members[info]["content"]), python)
    members[info] = {"content": base64.b64encode(content).decode()}
    if taken := sorted(members.keys() & offered.own.keys()):
        raise CompileError(f"{taken[0]}: is what flowinfra calls a file of its own in the code package; rename it")
    members |= {name: {"content": base64.b64encode(body).decode()} for name, body in offered.own.items()}
    out = io.BytesIO()
    own = hashlib.sha256()
    files: dict[str, SourceFile] = {}
    sources: dict[str, bytes] = {}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as packed:
        for name in sorted(members):
            found = choice.read(members[name])
            if found is None:
                continue
            body, executable = found
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(body), EPOCH, 0o755 if executable else 0o644
            packed.addfile(entry, io.BytesIO(body))
            if name.startswith(METAFLOW_CODE):
                own.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
            elif name.startswith(".mf_code/") or not name.startswith(METAFLOW_PREFIX):
                files[name] = SourceFile(sha256=hashlib.sha256(body).hexdigest(), size=len(body))
                if name.endswith(".py"):
                    sources[name] = body
    _refuse_hiding(offered.hidden, members)
    read, ignored = choice.read_files, tuple(sorted(choice.ignored))
    return Package(out.getvalue(), files, sources, own.hexdigest(), read, ignored)


def _refuse_hiding(hidden: Sequence[str], members: Mapping[str, Mapping[str, str]]) -> None:
    """Raise where a packaged file would be imported in place of a module that is hidden by it."""
    problems = []
    for name in hidden:
        module = f"the installed module {name!r}, which Metaflow or its libraries need"
        whose = "Metaflow" if name == "metaflow" else module
        problems += [
            CompileError(
                f"{members[file]['path']}: would be imported in place of {whose}: each task would fail, as "
                "`python flow.py` does; rename it, or leave it out by package.exclude"
            )
            for file in (f"{name}.py", f"{name}/__init__.py")
            if file in members
        ]
    if problems:
        raise together(problems)


class _Choice:
    """Which files are taken, and what was found out about them."""

    def __init__(self, selection: Selection, trees: WorkTrees, libraries: tuple[str, ...]) -> None:
        self.selection, self.trees, self.libraries = selection, trees, libraries
        self.ignored: set[str] = set()
        self.read_files: dict[str, str] = {}
        self._of_libraries: dict[str, bool] = {}
        self._exempt = tuple(f"{folder}/" for folder in selection.named_folders if trees.ignores(folder))

    def takes(self, name: str, entry: Mapping[str, str]) -> bool:
        path = entry.get("path")
        if path is None or name.startswith(METAFLOW_CODE) or self._installed(path):
            return True
        if self.selection.leaves_out(name, path):
            return False
        ignored = self.trees.ignored(path)
        if ignored is None:
            return True
        # a folder that git knows nothing of is as one outside of git
        named = path.startswith(self._exempt) or self.selection.names(path)
        self.ignored.add(path if named else ignored)
        return named

    def _installed(self, path: str) -> bool:
        """Whether it is the interpreter's or an installed distribution's, known by name and version."""
        folder = dirname(path)
        if folder not in self._of_libraries:
            self._of_libraries[folder] = realpath(path).startswith(self.libraries)
        return self._of_libraries[folder]

    def read(self, entry: Mapping[str, str]) -> tuple[bytes, bool] | None:
        """A file and whether it can be run; None for one that is gone, as another walk would not find it."""
        if "content" in entry:
            return base64.b64decode(entry["content"]), False
        path = Path(entry["path"])
        try:
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode):
                raise CompileError(
                    f"{path}: would be packaged, but is not a file (a pipe, socket or device); remove it"
                )
            body = path.read_bytes()
        except OSError as error:
            if path.is_symlink():
                raise CompileError(
                    f"{path}: would be packaged, but is a link to {path.readlink()}, which cannot be read; remove "
                    "the link, or leave it out by package.exclude"
                ) from None
            if isinstance(error, (FileNotFoundError, NotADirectoryError)) and path != self.selection.flow:
                return None
            raise CompileError(f"{path}: would be packaged, but cannot be read: {error.strerror}") from None
        if not self._installed(str(path)):
            self.read_files[str(path)] = hashlib.sha256(body).hexdigest()
        return body, bool(mode & 0o100)


def compress(content: bytes) -> bytes:
    """Gzip without a time stamp, at Metaflow's own level: a higher one takes twice as long for 11% less."""
    return gzip.compress(content, compresslevel=3, mtime=0)


def _info(body: bytes, python: str) -> bytes:
    found = json.loads(body)
    kept = {key: found[key] for key in KEPT_INFO if key in found}
    return json.dumps({**kept, "python_version": python}, sort_keys=True).encode()
