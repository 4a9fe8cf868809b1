"""Kubernetes objects as plain data: names, pruning, differences, what replaces."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from flowinfra.plugin.schema import Change
from flowinfra.plugin.wire import Plain, has_unknown

Object = dict[str, Any]
AUTONAMED = "pulumi.com/autonamed"
PATCH_FORCE = "pulumi.com/patchForce"
_READ_ONLY = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
_IDENTITY = ("metadata.name", "metadata.namespace")
_REPLACING: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("v1", "ConfigMap"): ("binaryData", "data"),
    ("v1", "Secret"): ("type", "stringData", "data"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ("roleRef",),
    ("batch/v1", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("apps/v1", "Deployment"): ("spec.selector",),
}
"""diff.go `forceNew`, for the kinds that are met here."""
_MISSING = object()


def version_and_kind(token: str) -> tuple[str, str]:
    """`kubernetes:core/v1:Secret` → (v1, Secret)."""
    _, version, kind = token.split(":")
    return version.removeprefix("core/"), kind


def qualified(manifest: Object) -> str:
    """The identifier of an object: `namespace/name`, or its name alone."""
    metadata = manifest["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def parted(identifier: str) -> tuple[str, str]:
    """(namespace, name) of an identifier; the namespace is empty where it has none."""
    namespace, _, name = identifier.rpartition("/")
    return namespace, name


def writable(manifest: Object) -> Object:
    """Without the fields of the metadata that only the apiserver writes."""
    if not isinstance(manifest.get("metadata"), dict):
        return manifest
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _READ_ONLY}
    return {**manifest, "metadata": metadata}


def pruned(live: Object, inputs: Object) -> Object:
    """What of an object the inputs speak of. A secret's `stringData`, which is not kept, is read back from its data."""
    if live.get("kind") == "Secret" and isinstance(inputs.get("stringData"), dict):
        live = {**live, "stringData": _text_data(live)}
    return {key: _pruned(value, inputs[key]) for key, value in live.items() if key in inputs}


def _pruned(live: Plain, inputs: Plain) -> Plain:
    if isinstance(live, dict) and isinstance(inputs, dict):
        return {key: _pruned(value, inputs[key]) for key, value in live.items() if key in inputs}
    if isinstance(live, list) and isinstance(inputs, list):
        return [_pruned(value, inputs[index]) if index < len(inputs) else value for index, value in enumerate(live)]
    return live


def _text_data(secret: Object) -> dict[str, str]:
    values = {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
    return {key: value.decode(errors="replace") for key, value in values.items()}


def differences(old: Object, new: Object, *, mutable: frozenset[str] = frozenset()) -> list[Change]:
    """What an update would change. `mutable` names kinds whose content does not replace them."""
    kind = (str(new.get("apiVersion")), str(new.get("kind")))
    rules = () if kind[1] in mutable else _REPLACING.get(kind, ())
    replacing = (*_IDENTITY, *rules)
    return [Change(_path(words), change, _below(words, replacing)) for words, change in _walk((), old, new)]


def _walk(
    words: tuple[str | int, ...], old: Plain, new: Plain
) -> Iterator[tuple[tuple[str | int, ...], Literal["add", "delete", "update"]]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _walk((*words, key), old.get(key, _MISSING), new.get(key, _MISSING))
    elif isinstance(old, list) and isinstance(new, list) and not has_unknown(new):
        for index in range(max(len(old), len(new))):
            yield from _walk((*words, index), _at(old, index), _at(new, index))
    elif old is _MISSING and new is not _MISSING:
        yield words, "add"
    elif new is _MISSING and old is not _MISSING:
        yield words, "delete"
    elif old != new or has_unknown(new):
        yield words, "update"


def _at(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else _MISSING


def _path(words: tuple[str | int, ...]) -> str:
    text = ""
    for word in words:
        if isinstance(word, int):
            text += f"[{word}]"
        elif any(character in word for character in '."[]'):
            text += f"[{json.dumps(word)}]"
        else:
            text += f".{word}" if text else word
    return text


def _below(words: tuple[str | int, ...], paths: tuple[str, ...]) -> bool:
    names = [str(word) for word in words]
    return any(names[: len(parts)] == parts for parts in (path.split(".") for path in paths))


def is_autonamed(manifest: Object) -> bool:
    """Whether the provider gave the object its name."""
    return bool(_annotation(manifest, AUTONAMED) == "true")


def forces(manifest: Object) -> bool:
    """Whether the object's annotation says to take over what somebody else owns."""
    return bool(_annotation(manifest, PATCH_FORCE) == "true")


def _annotation(manifest: Object, name: str) -> Plain:
    metadata = manifest.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations.get(name) if isinstance(annotations, dict) else None
