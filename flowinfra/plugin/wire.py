"""Property values as the engine sends them, and as plain Python.

Plain means: secrets unwrapped, unknown values as `UNKNOWN`, assets as `Asset`, whole numbers as `int`.
What is plain forgets what was secret, so answers are built from the engine's own values wherever a value did not
change (see provider.py); `has_secret` says when a new value must be wrapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.protobuf.struct_pb2 import ListValue, Struct, Value
from pulumi.runtime import rpc

Plain = Any
"""None, bool, int, float, str, list, dict, `Asset` or `UNKNOWN`."""

_SIGNATURE = rpc._special_sig_key
_SECRET = rpc._special_secret_sig
_ASSET = rpc._special_asset_sig
_ARCHIVE = rpc._special_archive_sig


class Unknown:
    """A value that the engine does not know yet (a preview)."""

    def __repr__(self) -> str:
        """The name under which the module exports its only instance."""
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Asset:
    """A file or text asset. Two assets with one hash are equal, wherever they come from."""

    hash: str
    path: str = ""
    text: str = ""
    uri: str = ""
    archive: bool = False

    def __eq__(self, other: object) -> bool:
        """Compare content: by hash."""
        return isinstance(other, Asset) and self.hash == other.hash and self.hash != ""

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self.hash)

    def read(self) -> bytes:
        """The asset's bytes. A relative path counts from the Pulumi program's folder, where plugins are started."""
        return Path(self.path).read_bytes() if self.path else self.text.encode()


def decode(value: Value) -> Plain:
    """One value of the engine as plain Python."""
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [decode(item) for item in value.list_value.values]
        case "struct_value":
            fields = value.struct_value.fields
            if _SIGNATURE not in fields:
                return {key: decode(item) for key, item in fields.items()}
            return _decode_special(fields)
    return None


def decode_struct(struct: Struct) -> dict[str, Plain]:
    """A property map as plain Python, without nulls."""
    return {key: plain for key, value in struct.fields.items() if (plain := decode(value)) is not None}


def _decode_special(fields: Mapping[str, Value]) -> Plain:
    match fields[_SIGNATURE].string_value:
        case signature if signature == _SECRET:
            return decode(fields["value"])
        case signature if signature in (_ASSET, _ARCHIVE):
            texts = {key: fields[key].string_value for key in ("hash", "path", "text", "uri") if key in fields}
            return Asset(**{"hash": "", **texts}, archive=signature == _ARCHIVE)
    # Resource references and outputs are not sent to a plugin that does not ask for them.
    return {key: decode(item) for key, item in fields.items()}


def encode(plain: Plain, *, secret: bool = False) -> Value:
    """Plain Python as the engine's value, wrapped as a secret on request. Nulls in maps are left out."""
    if secret:
        wrapped = Value()
        wrapped.struct_value.fields[_SIGNATURE].string_value = _SECRET
        wrapped.struct_value.fields["value"].CopyFrom(encode(plain))
        return wrapped
    match plain:
        case None:
            return Value(null_value=0)
        case Unknown():
            return Value(string_value=rpc.UNKNOWN)
        case bool():
            return Value(bool_value=plain)
        case int() | float():
            return Value(number_value=plain)
        case str():
            return Value(string_value=plain)
        case list() | tuple():
            return Value(list_value=ListValue(values=[encode(item) for item in plain]))
        case dict():
            fields = {str(key): encode(item) for key, item in plain.items() if item is not None}
            return Value(struct_value=Struct(fields=fields))
    raise TypeError(f"a {type(plain).__name__} cannot be sent to the Pulumi engine")


def is_secret(value: Value) -> bool:
    """Whether the value as a whole is a secret."""
    fields = value.struct_value.fields
    return _SIGNATURE in fields and fields[_SIGNATURE].string_value == _SECRET


def has_secret(value: Value) -> bool:
    """Whether anything in the value is a secret."""
    match value.WhichOneof("kind"):
        case "list_value":
            return any(has_secret(item) for item in value.list_value.values)
        case "struct_value":
            return is_secret(value) or any(has_secret(item) for item in value.struct_value.fields.values())
    return False


def has_unknown(plain: Plain) -> bool:
    """Whether anything in a plain value is unknown."""
    match plain:
        case Unknown():
            return True
        case list():
            return any(has_unknown(item) for item in plain)
        case dict():
            return any(has_unknown(item) for item in plain.values())
    return False
