"""What of an answer is secret: what was secret in the inputs that it comes from, and the content of secrets."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.struct_pb2 import Struct, Value

from flowinfra.plugin.wire import Plain, encode, has_secret, is_secret

_CONTENT = ("data", "stringData")


def encoded(manifest: Mapping[str, Plain], source: Struct) -> Struct:
    """An object on the wire, with the secrecy of the values that it has in common with `source`.

    As provider.go `annotateSecrets`: a list in which anything was secret is secret as a whole.
    """
    content = _CONTENT if manifest.get("kind") == "Secret" else ()
    found = Struct()
    for name, value in manifest.items():
        if value is None:
            continue
        if name in content:
            found.fields[name].CopyFrom(encode(value, secret=True))
        else:
            found.fields[name].CopyFrom(_like(value, _field(source.fields, name)))
    return found


def _like(value: Plain, source: Value | None) -> Value:
    if source is None or not has_secret(source):
        return encode(value)
    fields = source.struct_value.fields if source.WhichOneof("kind") == "struct_value" else {}
    if not isinstance(value, dict) or not fields or is_secret(source):
        return encode(value, secret=True)
    found = Value()
    found.struct_value.SetInParent()
    for name, item in value.items():
        if item is not None:
            found.struct_value.fields[name].CopyFrom(_like(item, _field(fields, name)))
    return found


def _field(fields: Mapping[str, Value], name: str) -> Value | None:
    # `get` of a protobuf map would put an empty value there.
    return fields[name] if name in fields else None  # noqa: SIM401
