"""The engine's questions about one object, answered from its state and the cluster. No gRPC here."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.struct_pb2 import Struct

from flowinfra.plugin.failure import PartialFailureError
from flowinfra.plugin.schema import Change
from flowinfra.plugin.wire import Plain, decode_struct, encode, has_unknown
from tests.cluster.plugin.access import Settings
from tests.cluster.plugin.objects import (
    AUTONAMED,
    Object,
    differences,
    forces,
    is_autonamed,
    parted,
    pruned,
    qualified,
    version_and_kind,
    writable,
)
from tests.cluster.plugin.secrecy import encoded
from tests.cluster.rig.api import Api, ApiError, NoSuchKindError

_INPUTS, _MANAGER, _VERSION = "__inputs", "__fieldManager", "__initialApiVersion"
"""What the state holds beside the object."""
_DELETION_SECONDS = 300
_FORBIDDEN, _NOT_FOUND, _CONFLICT = 403, 404, 409
_DELETE_HINT = (
    "you can remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)
_CONFLICTS = (
    "Server-Side Apply field conflict detected. See https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"
    "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help."
)


class ProviderError(Exception):
    """The engine is to show this."""


@dataclass(frozen=True)
class Comparison:
    """The answer to a diff."""

    differences: list[Change]
    delete_first: bool
    """The old one must go before the new one comes: both have the same name."""


@dataclass(frozen=True)
class Reading:
    """The answer to a read; an empty identifier says that the object is gone."""

    identifier: str = ""
    state: Struct | None = None
    inputs: Struct | None = None


class Provider:
    """A configured provider. Safe for many threads."""

    def __init__(self, settings: Settings, api: Api | None, namespace: str, reason: str, warn: Callable[[str], None]):
        """`api` is None where the cluster cannot be reached, for a `reason`; `namespace` is that of the context."""
        self._settings, self._api, self._reason, self._warn = settings, api, reason, warn
        self._namespace = settings.namespace or namespace

    def check(self, token: str, name: str, seed: bytes, olds: Struct, news: Struct) -> Struct:
        """Give the object a name and a namespace where it has none."""
        inputs, old = _plain(news), _plain(olds)
        version, kind = version_and_kind(token)
        inputs.setdefault("apiVersion", version)
        inputs.setdefault("kind", kind)
        metadata = inputs.setdefault("metadata", {})
        if isinstance(metadata, dict):
            if not metadata.get("name"):
                self._name(metadata, old, name, seed)
            if not metadata.get("namespace") and self._namespaced(version, kind):
                metadata["namespace"] = self._namespace
        return encoded(writable(inputs), news)

    def _name(self, metadata: Object, old: Object, name: str, seed: bytes) -> None:
        if metadata.get("generateName"):
            raise ProviderError("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
        suffix = hashlib.sha256(seed or name.encode()).hexdigest()[:8]
        metadata["name"] = old["metadata"]["name"] if is_autonamed(old) else f"{name}-{suffix}"
        metadata["annotations"] = {**(metadata.get("annotations") or {}), AUTONAMED: "true"}

    def _namespaced(self, version: str, kind: str) -> bool:
        """As upstream, a kind that is not known is taken to be in a namespace."""
        if self._api is None or not self._api.serves(version, kind):
            return kind not in ("Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
        return self._api.namespaced(version, kind)

    def diff(self, olds: Struct, news: Struct) -> Comparison:
        """What an update would change: the inputs against what the state says that the cluster had."""
        state, new = _State.parse(olds), writable(_plain(news))
        old = writable(pruned(state.live, state.inputs))
        found = differences(old, new, mutable=self._settings.mutable)
        same = isinstance(new["metadata"], dict) and all(
            new["metadata"].get(key) == state.live["metadata"].get(key) for key in ("name", "namespace")
        )
        delete_first = any(each.replaces for each in found) and not is_autonamed(new) and same
        return Comparison(found, delete_first)

    def create(self, urn: str, news: Struct, *, preview: bool) -> tuple[str, Struct]:
        """Make an object: (identifier, state)."""
        inputs = _plain(news)
        if preview and (self._api is None or has_unknown(inputs) or not self._serves(inputs)):
            return "", news
        api = self._reached()
        manager = f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"
        failed = f'resource "{urn}" was not successfully created by the Kubernetes API server'
        try:
            if not preview and not self._settings.upsert and api.find(api.path(inputs)) is not None:
                plural = api.plural(inputs["apiVersion"], inputs["kind"])
                raise ProviderError(f'{failed}: {plural} "{inputs["metadata"]["name"]}" already exists')
            force = preview or self._forces(inputs)
            live = api.apply(inputs, manager=manager, force=force, dry_run=preview)
        except NoSuchKindError as error:
            raise ProviderError(
                f'creation of resource "{urn}" with kind {inputs["apiVersion"]}/{inputs["kind"]} failed because the '
                "Kubernetes API server reported that the apiVersion for this resource does not exist. "
                f"Verify that any required CRDs have been created: {error}"
            ) from error
        except ApiError as error:
            if preview and error.code in (_FORBIDDEN, _NOT_FOUND):
                # Not allowed to try it, or in a namespace that is not there yet.
                return "", news
            raise ProviderError(f"{failed}: {_explained(error, manager)}") from error
        if preview:
            live.pop("status", None)
        return "" if preview else qualified(live), _State(inputs, live, manager).on_wire(news)

    def update(self, urn: str, olds: Struct, news: Struct, *, preview: bool) -> Struct:
        """Change an object in place: its new state."""
        state, inputs = _State.parse(olds), _plain(news)
        if preview and (self._api is None or has_unknown(inputs) or not self._serves(inputs)):
            return news
        api = self._reached()
        try:
            live = api.apply(inputs, manager=state.manager, force=self._forces(inputs), dry_run=preview)
        except NoSuchKindError as error:
            raise ProviderError(
                f'update of resource "{urn}" failed because the Kubernetes API server reported that the apiVersion for '
                f"this resource does not exist. Verify that any required CRDs have been created: {error}"
            ) from error
        except ApiError as error:
            if preview and error.code == _FORBIDDEN:
                return news
            found = api.find(api.path(state.live))
            reason = _explained(error, state.manager)
            if found is None:
                raise ProviderError(f'update of resource "{urn}" failed: {reason}') from error
            identifier = qualified(found)
            raise PartialFailureError(
                f'the Kubernetes API server reported that "{identifier}" failed to fully initialize or become live: '
                f"{reason}",
                identifier,
                _State(state.inputs, found, state.manager).on_wire(olds),
            ) from error
        return _State(inputs, live, state.manager).on_wire(news)

    def read(self, token: str, identifier: str, properties: Struct, inputs: Struct) -> Reading:
        """What the cluster has: to refresh a known object, or (with nothing known) to import one."""
        if self._api is None:
            self._warn(f"configured Kubernetes cluster is unreachable: {self._reason}")
            if self._settings.delete_unreachable:
                return Reading()
            raise ProviderError(
                f"failed to read resource state due to unreachable cluster. If the cluster was deleted, {_DELETE_HINT}"
            )
        version, kind = version_and_kind(token)
        namespace, name = parted(identifier)
        wanted = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
        live = self._api.find(self._api.path(wanted)) if self._serves(wanted) else None
        if live is None:
            return Reading()
        known = _plain(inputs)
        if known:
            state = _State(known, live, _State.parse(properties).manager)
            return Reading(identifier, state.on_wire(inputs), encoded(writable(pruned(live, known)), inputs))
        imported = writable({key: value for key, value in live.items() if key != "status"})
        manager = f"pulumi-kubernetes-{hashlib.sha256(identifier.encode()).hexdigest()[:8]}"
        return Reading(identifier, _State(imported, live, manager).on_wire(inputs), encoded(imported, inputs))

    def delete(self, properties: Struct) -> None:
        """Remove an object, and wait until it is gone."""
        if self._api is None:
            self._warn(f"configured Kubernetes cluster is unreachable: {self._reason}")
            if self._settings.delete_unreachable:
                return
            raise ProviderError(
                f"configured Kubernetes cluster is unreachable. If the cluster was deleted, {_DELETE_HINT}"
            )
        live = _State.parse(properties).live
        if not self._serves(live):
            return
        path = self._api.path(live)
        self._api.delete(path, policy="Foreground")
        deadline = time.monotonic() + _DELETION_SECONDS
        uid = live["metadata"]["uid"]
        while (found := self._api.find(path)) is not None and found["metadata"]["uid"] == uid:
            if time.monotonic() > deadline:
                about = f'{live["apiVersion"]}/{live["kind"]} "{live["metadata"]["name"]}"'
                raise ProviderError(f"Timed out waiting for deletion of {about}")
            time.sleep(0.1)

    def _reached(self) -> Api:
        if self._api is None:
            raise ProviderError(f"configured Kubernetes cluster is unreachable: {self._reason}")
        return self._api

    def _serves(self, manifest: Object) -> bool:
        return self._api is not None and self._api.serves(manifest["apiVersion"], manifest["kind"])

    def _forces(self, manifest: Object) -> bool:
        return self._settings.force or forces(manifest)


@dataclass(frozen=True)
class _State:
    """What Pulumi's state holds of an object."""

    inputs: Object
    live: Object
    manager: str
    """Under which the provider owns fields."""

    @classmethod
    def parse(cls, properties: Struct) -> _State:
        live = decode_struct(properties)
        inputs = live.pop(_INPUTS, {})
        live.pop(_VERSION, None)
        return cls(inputs, live, live.pop(_MANAGER, "pulumi-kubernetes"))

    def on_wire(self, source: Struct) -> Struct:
        """Encoded, as secret as `source` is."""
        found = encoded(self.live, source)
        found.fields[_INPUTS].struct_value.CopyFrom(encoded(self.inputs, source))
        found.fields[_MANAGER].CopyFrom(encode(self.manager))
        found.fields[_VERSION].CopyFrom(encode(self.inputs.get("apiVersion", self.live.get("apiVersion"))))
        return found


def _plain(struct: Struct) -> dict[str, Plain]:
    """Inputs as plain data that may be changed; nothing of an earlier provider's own."""
    plain: dict[str, Any] = {key: value for key, value in decode_struct(struct).items() if not key.startswith("__")}
    return copy.deepcopy(plain)


def _explained(error: ApiError, manager: str) -> str:
    if error.code != _CONFLICT:
        return error.message
    return f'{_CONFLICTS}\nThe resource managed by field manager "{manager}" had an apply conflict: {error.message}'
