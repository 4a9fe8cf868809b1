"""The compile cache: content-addressed blobs, and for each request what its compile read.

    <cache>/blobs/<sha256>        bytes, named by the digest of their content
    <cache>/entries/<key>.json    variants of one request, newest first: what was read, and the result's digest

An entry is used only while everything that its compile read is unchanged: file contents, the names in folders that the
imports looked through, the distributions installed beside the interpreter, and declared variables. Files are written
beside and renamed, so any number of processes may share a cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from flowinfra.compiler.provenance import WorkTrees
from flowinfra.compiler.variables import as_read
from flowinfra.engine.folders import cache_folder
from flowinfra.errors import ToolError

VARIANTS = 8
"""Entries kept per request, so that switching between branches stays fast."""


def cache_root() -> Path:
    """Folder of the cache: FLOWINFRA_CACHE, or `flowinfra/compile` in the user's cache folder."""
    own = os.environ.get("FLOWINFRA_CACHE")
    return Path(own) if own else cache_folder("compile")


def blob_path(sha256: str) -> Path:
    """File that holds the stored bytes of an object, by the sha256 of its content."""
    return cache_root() / "blobs" / sha256


def put_blob(sha256: str, stored: bytes) -> None:
    """Keep bytes under the digest of their content; a blob that is there but damaged is replaced."""
    path = blob_path(sha256)
    try:
        if path.read_bytes() == stored:
            return
    except OSError:
        pass
    _write(path, stored)


def adopt_blob(sha256: str, file: Path) -> None:
    """Move a file of this file system into the cache, under the digest of its content, which the caller took."""
    path = blob_path(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.chmod(0o644)
    file.replace(path)


def _write(path: Path, data: bytes) -> None:
    """Write a file of the cache."""
    try:
        write_atomically(path, data)
    except OSError as error:
        raise ToolError(
            f"the compile cache {cache_root()} cannot be written ({error.strerror}); "
            "set FLOWINFRA_CACHE to a folder that can"
        ) from None


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@lru_cache
def compiler_fingerprint(package: Path = Path(__file__).parents[1]) -> str:
    """Digest of the compiler's own source, the driver's included: a new flowinfra compiles anew.

    Args:
        package: folder of flowinfra's source.
    """
    digest = hashlib.sha256()
    for path in sorted(path for part in ("compiler", "model", "targets") for path in (package / part).rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def entry_key(parts: Mapping[str, Any]) -> str:
    """Name of the entry for a request."""
    text = json.dumps({**parts, "compiler": compiler_fingerprint()}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class Reads:
    """What a compile read, and whether it still is as it was. Digests are taken once per instance."""

    def __init__(self) -> None:
        self._files: dict[str, str | None] = {}
        self._folders: dict[str, str] = {}
        self.trees = WorkTrees()

    def file(self, path: str) -> str | None:
        """sha256 of a file's content; None if it does not exist."""
        if path not in self._files:
            try:
                self._files[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            except OSError:
                self._files[path] = None
        return self._files[path]

    def folder(self, path: str) -> str:
        """Digest of the names in a folder that an import or a package can see."""
        if path not in self._folders:
            try:
                with os.scandir(path) as entries:
                    names = sorted(entry.name for entry in entries if entry.name[0] != "." and _seen(entry.name))
            except OSError:
                names = ["<absent>"]
            self._folders[path] = hashlib.sha256("\0".join(names).encode()).hexdigest()
        return self._folders[path]

    @staticmethod
    def changed_since(paths: Iterable[str], nanoseconds: int) -> bool:
        """True if a file or folder was written since that time: what was read of it may be what it was before."""
        for path in paths:
            try:
                if Path(path).stat().st_mtime_ns >= nanoseconds:
                    return True
            except OSError:
                continue
        return False

    def unchanged(self, variant: Mapping[str, Any]) -> bool:
        """True while files and folders of an entry's variant are as they were."""
        return (
            all(self.folder(path) == digest for path, digest in variant["folders"].items())
            and all(self.file(path) == digest for path, digest in variant["files"].items())
            and all(self.trees.ignores(path) == ignored for path, ignored in variant["ignored"].items())
        )


def _seen(name: str) -> bool:
    return name != "__pycache__" and not name.endswith((".flow", ".pyc", ".tmp"))


def find(key: str, reads: Reads, env: Mapping[str, str]) -> tuple[bytes, Any] | None:
    """The stored result of a request and its notes, if what it read is unchanged and all its blobs are there.

    `env`: the declared variables.
    """
    # a cache that was damaged is a cache without the entry
    for variant in _variants(key):
        try:
            if variant["variables"] != as_read(env, variant["variables"]):
                continue
            if reads.unchanged(variant) and all(_size(name) == size for name, size in variant["blobs"].items()):
                result = blob_path(variant["result"]).read_bytes()
                if hashlib.sha256(result).hexdigest() == variant["result"]:
                    return result, variant["notes"]
        except (OSError, LookupError, TypeError, AttributeError):
            continue
    return None


def _variants(key: str) -> list[Any]:
    try:
        variants = json.loads((cache_root() / "entries" / f"{key}.json").read_bytes())
    except (OSError, ValueError):
        return []
    return variants if isinstance(variants, list) else []


def _size(sha256: str) -> int:
    """Bytes of a stored blob; -1 if it is not there."""
    try:
        return blob_path(sha256).stat().st_size
    except OSError:
        return -1


def remember(
    key: str,
    files: Mapping[str, str | None],
    folders: Iterable[str],
    result: bytes,
    blobs: Iterable[str],
    variables: Mapping[str, str | None],
    notes: Any = None,
    ignored: Mapping[str, bool] | None = None,
) -> None:
    """Store a result with what it was made from.

    Args:
        key: of the request.
        files: path → sha256 of its content.
        folders: whose names of files were read.
        result: what is to be found.
        blobs: names of those that it needs.
        variables: name of each variable that was read → its value's digest.
        notes: JSON that is kept beside it.
        ignored: path → whether git ignores it.
    """
    digest = hashlib.sha256(result).hexdigest()
    put_blob(digest, result)
    reads = Reads()
    variant = {
        "files": dict(files),
        "folders": {path: reads.folder(path) for path in folders},
        "variables": dict(variables),
        "ignored": dict(ignored or {}),
        "result": digest,
        "blobs": {name: _size(name) for name in blobs},
        "notes": notes,
    }
    made_from = ("files", "variables", "ignored")
    others = [
        old
        for old in _variants(key)
        if isinstance(old, dict) and any(old.get(part) != variant[part] for part in made_from)
    ]
    path = cache_root() / "entries" / f"{key}.json"
    _write(path, json.dumps([variant, *others[: VARIANTS - 1]]).encode())
