"""A container's environment, and `$(VAR)` in its command."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping

from tests.cluster.rig.api import Api, Object
from tests.cluster.rig.settings import NODE_ADDRESS

_VARIABLE = re.compile(r"\$\$|\$\(([A-Za-z_][\w.-]*)\)")
_MAP_FIELD = re.compile(r"metadata\.(labels|annotations)(?:\['(.*)'\])?")


class PodError(Exception):
    """A pod cannot be run: what kubelet would show as CreateContainerConfigError or FailedMount."""


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """`$(VAR)` replaced where it is known, `$$` by `$`, as kubelet does."""
    return _VARIABLE.sub(
        lambda found: "$" if found[0] == "$$" else environment.get(found[1], found[0]),
        text,
    )


def data(api: Api, namespace: str, kind: str, name: str) -> dict[str, bytes]:
    """The content of a config map or secret (`configmaps`, `secrets`). PodError if there is none."""
    found = api.find(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
    if found is None:
        raise PodError(f"{kind.removesuffix('s')} {name!r} not found")
    if kind == "secrets":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    text = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    binary = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
    return text | binary


def field(pod: Object, path: str, address: str) -> str:
    """A field of the pod, as the downward API names it."""
    if found := _MAP_FIELD.fullmatch(path):
        values = pod["metadata"].get(found[1]) or {}
        if found[2]:
            return str(values.get(found[2], ""))
        return "\n".join(f"{key}={json.dumps(value)}" for key, value in values.items())
    if path in ("status.podIP", "status.podIPs"):
        return address
    if path in ("status.hostIP", "status.hostIPs"):
        return NODE_ADDRESS
    value: object = pod
    for name in path.split("."):
        value = value.get(name, "") if isinstance(value, dict) else ""
    return str(value)


def environment(api: Api, pod: Object, container: Object, base: Mapping[str, str], address: str) -> dict[str, str]:
    """All variables of a container. PodError where one comes from what is not there."""
    namespace = pod["metadata"]["namespace"]
    found = dict(base)
    for source in container.get("envFrom") or []:
        kind = "configmaps" if "configMapRef" in source else "secrets"
        reference = source.get("configMapRef") or source["secretRef"]
        try:
            values = data(api, namespace, kind, reference["name"])
        except PodError:
            if reference.get("optional"):
                continue
            raise
        found |= {source.get("prefix", "") + name: value.decode() for name, value in values.items()}
    for variable in container.get("env") or []:
        value = _value(api, pod, container, variable, found, address)
        if value is not None:
            found[variable["name"]] = value
    return found


def _value(
    api: Api, pod: Object, container: Object, variable: Object, known: Mapping[str, str], address: str
) -> str | None:
    source = variable.get("valueFrom") or {}
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"], address)
    if "resourceFieldRef" in source:
        return _resource(container, source["resourceFieldRef"]["resource"])
    for key, kind in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if key in source:
            return _keyed(api, pod["metadata"]["namespace"], kind, source[key])
    return expanded(variable.get("value") or "", known)


def _keyed(api: Api, namespace: str, kind: str, reference: Object) -> str | None:
    try:
        values = data(api, namespace, kind, reference["name"])
        if reference["key"] not in values:
            raise PodError(f"couldn't find key {reference['key']} in {kind.removesuffix('s')} {reference['name']}")
    except PodError:
        if reference.get("optional"):
            return None
        raise
    return values[reference["key"]].decode()


def _resource(container: Object, path: str) -> str:
    """A request or limit as it is written: quantities are not converted."""
    kind, _, name = path.partition(".")
    return str(((container.get("resources") or {}).get(kind) or {}).get(name, "0"))
