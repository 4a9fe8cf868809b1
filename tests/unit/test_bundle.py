"""Bundles: the same bytes wherever they are written, and everything that is wrong with one is said."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flowinfra.compiler import blob_path, compile_flow, read_bundle, write_bundle
from flowinfra.errors import BundleError
from flowinfra.model.compiled import CompiledFlow
from tests.unit.constructs import Construct

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def compiled() -> CompiledFlow:
    return compile_flow(Construct("include_file").request())


@pytest.fixture
def bundle(compiled: CompiledFlow, tmp_path: Path) -> Path:
    path = tmp_path / "include_file.flow"
    write_bundle(compiled, path)
    return path


def test_round_trip_into_an_empty_cache(
    compiled: CompiledFlow, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = {entry.sha256: blob_path(entry.sha256).read_bytes() for entry in compiled.objects.values()}
    monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / "elsewhere"))
    read = read_bundle(bundle)
    assert read == compiled
    assert read.to_json() == compiled.to_json()
    assert {sha256: blob_path(sha256).read_bytes() for sha256 in blobs} == blobs


def test_commands_in_the_datastore_travel_in_the_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile_flow(Construct("compress", "linear", {"compress": True}).request())
    write_bundle(compiled, tmp_path / "compress.flow")
    monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / "elsewhere"))
    assert read_bundle(tmp_path / "compress.flow") == compiled


def test_bytes_depend_on_nothing_but_the_content(compiled: CompiledFlow, bundle: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere" / "again.flow"
    write_bundle(read_bundle(bundle), again)
    assert again.read_bytes() == bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, content: Members) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in content.items():
            archive.writestr(name, body)


def sealed(content: Members, **changes: object) -> None:
    """Change keys of the flow and set the digest to match: an edit by somebody who knows the format."""
    flow = {**json.loads(content["flow.json"]), **changes}
    content["flow.json"] = json.dumps(flow).encode()
    content["digest"] = hashlib.sha256(content["flow.json"]).hexdigest().encode()


def edit_flow(content: Members) -> None:
    content["flow.json"] = content["flow.json"].replace(b"IncludeFileFlow", b"OtherFlow")


def swap_blob(content: Members) -> None:
    first, second = [name for name in content if name.startswith("blobs/")][:2]
    content[first] = content[second]


def cut_blob(content: Members) -> None:
    name = next(name for name in content if name.startswith("blobs/"))
    content[name] = content[name][:-5]


def garble_blob(content: Members) -> None:
    name = next(name for name in content if name.startswith("blobs/"))
    content[name] = content[name][:20] + bytes(40) + content[name][60:]


def drop_blob(content: Members) -> None:
    del content[next(name for name in content if name.startswith("blobs/"))]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (edit_flow, r"flow\.json was changed after it was compiled"),
        (lambda content: content.update(digest=b"0" * 64), r"was changed after it was compiled"),
        (swap_blob, r"does not have the digest that it is named by"),
        (cut_blob, r"is damaged"),
        (garble_blob, r"is damaged"),
        (drop_blob, r"object .* is missing"),
        (lambda content: content.pop("flow.json"), r"holds no flow\.json"),
        (lambda content: content.pop("digest"), r"holds no flow\.json"),
        (lambda content: sealed(content, schema_version=2), r"has schema version 2, this flowinfra reads up to 1"),
        (lambda content: sealed(content, schema_version="one"), r"schema_version"),
        (lambda content: sealed(content, later_key=1), r"later_key: Extra inputs are not permitted"),
        (lambda content: sealed(content, flow=None), r"flow: "),
    ],
)
def test_a_spoilt_bundle_is_refused(bundle: Path, spoil: Callable[[Members], None], message: str) -> None:
    content = members(bundle)
    spoil(content)
    write(bundle, content)
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(bundle)
    assert str(caught.value).startswith(str(bundle))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("flow", [b"[]", b"null", b'"text"', b"{", b"\xff\xfe"])
def test_a_flow_that_is_none_is_refused(bundle: Path, flow: bytes) -> None:
    content = members(bundle)
    content["flow.json"] = flow
    content["digest"] = hashlib.sha256(flow).hexdigest().encode()
    write(bundle, content)
    with pytest.raises(BundleError):
        read_bundle(bundle)


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_a_truncated_file_is_refused(bundle: Path, keep: float) -> None:
    content = bundle.read_bytes()
    bundle.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(BundleError, match="truncated"):
        read_bundle(bundle)


def test_a_flipped_bit_is_refused(bundle: Path) -> None:
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    bundle.write_bytes(content)
    with pytest.raises(BundleError):
        read_bundle(bundle)


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "flow.py"
    text.write_text("print()")
    with pytest.raises(BundleError, match="is not a CompiledFlow bundle"):
        read_bundle(text)
    with pytest.raises(BundleError, match="does not exist"):
        read_bundle(tmp_path / "missing.flow")
    with pytest.raises(BundleError, match="is not a CompiledFlow bundle"):
        read_bundle(tmp_path)
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "")
    (tmp_path / "other.zip").write_bytes(other.getvalue())
    with pytest.raises(BundleError, match=r"holds no flow\.json"):
        read_bundle(tmp_path / "other.zip")


def test_nothing_of_a_spoilt_bundle_is_kept(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = members(bundle)
    swap_blob(content)
    write(bundle, content)
    monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(BundleError):
        read_bundle(bundle)
    for kept in (tmp_path / "elsewhere").rglob("*"):
        assert not kept.is_file()


def test_writing_is_all_or_nothing(compiled: CompiledFlow, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bundle.read_bytes()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(BundleError, match="cannot be written"):
        write_bundle(compiled, bundle)
    assert bundle.read_bytes() == before
    assert [path.name for path in bundle.parent.iterdir() if path.name.startswith(".")] == []


def test_a_place_that_cannot_be_written_is_said(compiled: CompiledFlow, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="cannot be written"):
        write_bundle(compiled, tmp_path / "file" / "name.flow")


def test_an_object_that_is_not_here_is_said(compiled: CompiledFlow, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not in the compile cache; compile it again here"):
        write_bundle(compiled, tmp_path / "name.flow")
    assert not (tmp_path / "name.flow").exists()
