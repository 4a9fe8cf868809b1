"""Resources of types that the local plugin does not know: kept in the state, and made nowhere.

A program may have anything beside its flows. So that it can be tried, such a resource has its inputs as outputs, and an
id, a name and an ARN that are made up. Each preview and each deployment warns that nothing is made of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from google.protobuf.struct_pb2 import Struct

from flowinfra.local.plugin.cloud import CloudError
from flowinfra.plugin.arns import made_up_arn
from flowinfra.plugin.schema import Change
from flowinfra.plugin.wire import UNKNOWN, Plain, decode_struct, encode

MADE_UP = ("name", "arn")
"""Outputs beside the id, where the program does not give them."""


def warning(token: str) -> str:
    """What is said of a resource of a type that is not known."""
    return (
        f"the embedded AWS has no {token}: nothing is made of it and nothing of it is checked. It is kept in the "
        "stack's state alone: its outputs are its inputs, and an id, a name and an ARN that are made up"
    )


def create(token: str, urn: str, properties: Struct, region: str, account: str, *, preview: bool) -> tuple[str, Struct]:
    """A resource's id and state.

    Args:
        token: its type.
        urn: in Pulumi; equal ones have equal ids.
        properties: its inputs.
        region: of the provider.
        account: of the provider.
        preview: what is made up is unknown then, as for any resource.
    """
    state = Struct()
    state.CopyFrom(properties)
    known = decode_struct(properties)
    digits = hashlib.sha256(urn.encode()).hexdigest()[:7]
    given = known.get("name")
    name = given if isinstance(given, str) else f"{urn.rsplit('::', 1)[-1]}-{digits}"
    made_up = {"name": name, "arn": made_up_arn(token, name, region, account)}
    for key in MADE_UP:
        if key not in known:
            state.fields[key].CopyFrom(encode(UNKNOWN if preview else made_up[key]))
    return "" if preview else name, state


def changes(olds: Struct, news: Struct) -> list[Change]:
    """What differs between a state and inputs: each input by itself, and never a replacement, which nobody knows."""
    old, new = decode_struct(olds), decode_struct(news)
    found = []
    for key in sorted({*old, *new}):
        if key in MADE_UP and key not in new:
            continue
        if key not in old or key not in new or _differ(old[key], new[key]):
            found.append(Change(key, "add" if key not in old else "delete" if key not in new else "update", False))
    return found


def update(olds: Struct, news: Struct) -> Struct:
    """The new state: new inputs, and what was made up."""
    state = Struct()
    state.CopyFrom(news)
    for key in MADE_UP:
        if key not in news.fields and key in olds.fields:
            state.fields[key].CopyFrom(olds.fields[key])
    return state


def read(token: str, properties: Struct) -> Struct:
    """What a refresh finds: what the state has.

    Raises:
        CloudError: for an import, since there is nothing to import from.
    """
    if not properties.fields:
        raise CloudError(f"the embedded AWS has no {token}, so it cannot be imported")
    return properties


def _differ(old: Plain, new: Plain) -> bool:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {*old} != {*new} or any(_differ(old[key], new[key]) for key in old)
    return new is UNKNOWN or old is UNKNOWN or bool(old != new)
