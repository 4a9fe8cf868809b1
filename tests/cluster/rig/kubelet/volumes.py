"""A pod's volumes as folders of this machine."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.rig.api import Api, ApiError, Object
from tests.cluster.rig.kubelet.variables import PodError, data, field

_SOURCES = {"configMap", "secret", "downwardAPI", "projected", "serviceAccountToken"}


def make(api: Api, pod: Object, folder: Path, address: str) -> dict[str, Path]:
    """Make each volume; name → folder. PodError where that is not possible."""
    made: dict[str, Path] = {}
    for volume in pod["spec"].get("volumes") or []:
        name = volume["name"]
        if "hostPath" in volume:
            made[name] = Path(volume["hostPath"]["path"])
            continue
        if not set(volume) & (_SOURCES | {"emptyDir"}):
            kinds = ", ".join(sorted(set(volume) - {"name"}))
            raise PodError(f"volume {name!r}: the kubelet stand-in has no {kinds}")
        made[name] = folder / name
        made[name].mkdir(parents=True, exist_ok=True)
        made[name].chmod(0o777)
        _fill(api, pod, made[name], volume, address)
    return made


def _fill(api: Api, pod: Object, folder: Path, source: Object, address: str) -> None:
    namespace = pod["metadata"]["namespace"]
    for key, kind, named in (("configMap", "configmaps", "name"), ("secret", "secrets", "secretName")):
        if key in source:
            _keys(api, namespace, kind, source[key], str(source[key].get(named) or source[key].get("name")), folder)
    for item in (source.get("downwardAPI") or {}).get("items") or []:
        _write(folder / item["path"], field(pod, item["fieldRef"]["fieldPath"], address).encode(), item.get("mode"))
    if "serviceAccountToken" in source:
        projection = source["serviceAccountToken"]
        _write(folder / projection["path"], _token(api, pod, projection).encode(), 0o600)
    for part in (source.get("projected") or {}).get("sources") or []:
        _fill(api, pod, folder, part, address)


def _keys(api: Api, namespace: str, kind: str, source: Object, name: str, folder: Path) -> None:
    try:
        values = data(api, namespace, kind, name)
    except PodError:
        if source.get("optional"):
            return
        raise
    for item in source.get("items") or [{"key": key, "path": key} for key in values]:
        if item["key"] not in values:
            raise PodError(f"{kind.removesuffix('s')} {name} has no key {item['key']}")
        _write(folder / item["path"], values[item["key"]], item.get("mode"))


def _token(api: Api, pod: Object, projection: Object) -> str:
    """A token of the pod's service account, bound to the pod."""
    metadata = pod["metadata"]
    account = pod["spec"].get("serviceAccountName", "default")
    bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
    spec = {"expirationSeconds": projection.get("expirationSeconds", 3600), "boundObjectRef": bound}
    if projection.get("audience"):
        spec["audiences"] = [projection["audience"]]
    path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
    try:
        answer = api.request("POST", path, {"spec": spec})
    except ApiError as error:
        raise PodError(f"token of service account {account!r}: {error.message}") from error
    return str(answer["status"]["token"])


def _write(path: Path, content: bytes, mode: int | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode or 0o644)
