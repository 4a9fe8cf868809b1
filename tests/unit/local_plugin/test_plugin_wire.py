from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc

from flowinfra.plugin.wire import (
    UNKNOWN,
    Asset,
    decode,
    decode_struct,
    encode,
    has_secret,
    has_unknown,
)

SIGNATURE = rpc._special_sig_key


def struct(values: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(values)
    return made


@pytest.mark.parametrize("plain", ["text", 1, 1.5, True, False, [1, "a", [True]], {"a": {"b": [1]}}, {}, [], "", 0])
def test_there_and_back(plain: Any) -> None:
    assert decode(encode(plain)) == plain
    assert type(decode(encode(plain))) is type(plain)


def test_nulls_are_left_out() -> None:
    assert decode_struct(struct({"a": None, "b": 1})) == {"b": 1}
    assert decode(encode({"a": None, "b": 1})) == {"b": 1}


def test_unknown() -> None:
    plain = decode_struct(struct({"a": rpc.UNKNOWN, "b": [rpc.UNKNOWN]}))
    assert plain == {"a": UNKNOWN, "b": [UNKNOWN]}
    assert has_unknown(plain)
    assert not has_unknown({"a": ["b"]})
    assert decode(encode(UNKNOWN)) is UNKNOWN


def test_secrets_are_unwrapped_and_can_be_told() -> None:
    secret = {SIGNATURE: rpc._special_secret_sig, "value": {"inner": "hush"}}
    values = struct({"a": [secret], "b": "plain"})
    assert decode_struct(values) == {"a": [{"inner": "hush"}], "b": "plain"}
    assert has_secret(values.fields["a"])
    assert not has_secret(values.fields["b"])
    wrapped = encode("hush", secret=True)
    assert has_secret(wrapped)
    assert decode(wrapped) == "hush"


def test_assets(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\x00")
    values = struct(
        {
            "file": {SIGNATURE: rpc._special_asset_sig, "hash": "1", "path": str(file)},
            "text": {SIGNATURE: rpc._special_asset_sig, "hash": "2", "text": "hé"},
            "archive": {SIGNATURE: rpc._special_archive_sig, "hash": "3", "path": "x"},
        }
    )
    plain = decode_struct(values)
    assert plain["file"].read() == b"\x00"
    assert plain["text"].read() == "hé".encode()
    assert plain["archive"].archive
    assert Asset("1", path="/elsewhere") == plain["file"]
    assert Asset("") != Asset("")
