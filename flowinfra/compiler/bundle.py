"""A CompiledFlow with the bytes of its objects in one file: compile in one place, deploy in another.

A bundle is a zip of `flow.json` (canonical) and `blobs/<sha256>` (as stored), members sorted, with fixed times and no
compression, so that equal content gives equal bytes. Reading verifies every digest.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
import zlib
from pathlib import Path

from pydantic import ValidationError

from flowinfra.compiler import cache
from flowinfra.errors import BundleError
from flowinfra.model.compiled import SCHEMA_VERSION, CompiledFlow, DatastoreObject
from flowinfra.targets import compiled_flow

FLOW = "flow.json"


def write_bundle(compiled: CompiledFlow, path: Path) -> None:
    """Write the bundle of a flow that was compiled here (its objects are in the compile cache).

    Raises:
        BundleError: an object is not there, or the file cannot be written; a file that was there is as it was.
    """
    text = compiled.to_json().encode()
    members = {FLOW: text, "digest": hashlib.sha256(text).hexdigest().encode()}
    for entry in _with_blobs(compiled):
        try:
            members[f"blobs/{entry.sha256}"] = cache.blob_path(entry.sha256).read_bytes()
        except OSError:
            raise BundleError(
                f"{compiled.flow.name}: object {entry.key} is not in the compile cache; compile it again here"
            ) from None
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name])
    try:
        cache.write_atomically(path, out.getvalue())
    except OSError as error:
        raise BundleError(f"{path}: cannot be written ({error.strerror})") from None


def read_bundle(path: Path) -> CompiledFlow:
    """Read and verify a bundle; its objects are then in the compile cache.

    Raises:
        BundleError: the file is missing, truncated, edited, or of a newer schema.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except FileNotFoundError:
        raise BundleError(f"{path}: does not exist") from None
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise BundleError(
            f"{path}: is not a CompiledFlow bundle, or it is truncated ({error}); compile it again"
        ) from None
    if FLOW not in members or "digest" not in members:
        raise BundleError(f"{path}: holds no {FLOW}; make bundles with `flowinfra compile -o NAME.flow`")
    if hashlib.sha256(members[FLOW]).hexdigest().encode() != members["digest"]:
        raise BundleError(f"{path}: {FLOW} was changed after it was compiled; compile it again")
    compiled = parse_compiled(members[FLOW], str(path))
    verified: dict[str, bytes] = {}
    for entry in _with_blobs(compiled):
        stored = members.get(f"blobs/{entry.sha256}")
        if stored is None:
            raise BundleError(f"{path}: object {entry.key} is missing; compile it again")
        try:
            content = gzip.decompress(stored) if entry.gzip else stored
        except (OSError, EOFError, zlib.error) as error:
            raise BundleError(f"{path}: object {entry.key} is damaged ({error}); compile it again") from None
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise BundleError(f"{path}: object {entry.key} does not have the digest that it is named by")
        verified[entry.sha256] = stored
    for sha256, stored in verified.items():
        cache.put_blob(sha256, stored)
    return compiled


def read_compiled(path: Path) -> CompiledFlow:
    """CompiledFlow of a bundle, or of the JSON that `flowinfra compile` prints (which has no objects' bytes).

    Raises:
        BundleError: as `read_bundle` does.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
        return read_bundle(path) if zipped else parse_compiled(path.read_bytes(), str(path))
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from None


def _with_blobs(compiled: CompiledFlow) -> list[DatastoreObject]:
    return [entry for entry in compiled.objects.values() if entry.text is None]


def parse_compiled(text: bytes, name: str) -> CompiledFlow:
    """CompiledFlow from JSON, with errors that say what does not fit."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise BundleError(f"{name}: is not JSON ({error})") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise BundleError(
            f"{name}: has schema version {version}, this flowinfra reads up to {SCHEMA_VERSION}; "
            "use a newer flowinfra or compile again with this one"
        )
    try:
        return compiled_flow(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top level"
        raise BundleError(f"{name}: {where}: {first['msg']} ({error.error_count()} problem(s) in all)") from None
