"""The compile cache: content-addressed blobs, and for each request what its compile read.

    <cache>/blobs/<sha256>        bytes, named by the digest of their content
    <cache>/entries/<key>.json    variants of one request, newest first: what was read, and the result's digest

An entry is used only while everything that its compile read is unchanged: file contents, the names in folders that the
imports looked through, and the distributions installed beside the interpreter. Files are written beside and renamed, so
any number of processes may share a cache.
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

VARIANTS = 8
"""Entries kept per request, so that switching between branches stays fast."""


def cache_root() -> Path:
    """Folder of the cache: FLOWINFRA_CACHE, or `flowinfra/compile` in the user's cache folder."""
    own = os.environ.get("FLOWINFRA_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "flowinfra" / "compile"


def blob_path(sha256: str) -> Path:
    """File that holds the stored bytes of an object, by the sha256 of its content."""
    return cache_root() / "blobs" / sha256


def put_blob(sha256: str, stored: bytes) -> None:
    """Keep bytes under the digest of their content; a blob that is there already is left alone."""
    path = blob_path(sha256)
    if not path.exists():
        write_atomically(path, stored)


def adopt_blob(sha256: str, file: Path) -> None:
    """Move a file of this file system into the cache, under the digest of its content, which the caller took."""
    path = blob_path(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.chmod(0o644)
    file.replace(path)


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


@lru_cache(maxsize=1)
def compiler_fingerprint() -> str:
    """Digest of the compiler's own source: a new flowinfra compiles anew."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*here.glob("*.py"), *(here.parent / "model").glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
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

    def unchanged(self, variant: Mapping[str, Any]) -> bool:
        """True while files and folders of an entry's variant are as they were."""
        return all(self.folder(path) == digest for path, digest in variant["folders"].items()) and all(
            self.file(path) == digest for path, digest in variant["files"].items()
        )


def _seen(name: str) -> bool:
    return name != "__pycache__" and not name.endswith((".flow", ".pyc", ".tmp"))


def find(key: str, reads: Reads) -> bytes | None:
    """The stored result of a request if what it read is unchanged and all its blobs are there."""
    try:
        variants = json.loads((cache_root() / "entries" / f"{key}.json").read_bytes())
    except (OSError, ValueError):
        return None
    for variant in variants:
        blobs = [blob_path(name) for name in variant["blobs"]]
        if reads.unchanged(variant) and all(path.exists() for path in blobs):
            try:
                result = blob_path(variant["result"]).read_bytes()
            except OSError:
                return None
            # a cache that was damaged is a cache without the entry
            return result if hashlib.sha256(result).hexdigest() == variant["result"] else None
    return None


def remember(
    key: str,
    files: Mapping[str, str | None],
    folders: Iterable[str],
    result: bytes,
    blobs: Mapping[str, bytes],
    kept: Iterable[str] = (),
) -> None:
    """Store a result with what it was made from; `kept` are further blobs that it needs and that are there already."""
    for sha256, stored in blobs.items():
        put_blob(sha256, stored)
    digest = hashlib.sha256(result).hexdigest()
    put_blob(digest, result)
    reads = Reads()
    variant = {
        "files": dict(files),
        "folders": {path: reads.folder(path) for path in folders},
        "result": digest,
        "blobs": [*blobs, *kept],
    }
    path = cache_root() / "entries" / f"{key}.json"
    try:
        others = [old for old in json.loads(path.read_bytes()) if old["files"] != variant["files"]]
    except (OSError, ValueError):
        others = []
    write_atomically(path, json.dumps([variant, *others[: VARIANTS - 1]]).encode())
