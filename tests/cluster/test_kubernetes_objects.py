"""The pure parts of the `kubernetes` plugin: pruning, differences, secrecy. No cluster."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from flowinfra.plugin.schema import Change
from flowinfra.plugin.wire import UNKNOWN, decode_struct, encode, has_secret
from tests.cluster.plugin.objects import differences, parted, pruned, qualified, version_and_kind
from tests.cluster.plugin.secrecy import encoded


def test_types() -> None:
    assert version_and_kind("kubernetes:core/v1:Secret") == ("v1", "Secret")
    assert version_and_kind("kubernetes:argoproj.io/v1alpha1:Sensor") == ("argoproj.io/v1alpha1", "Sensor")


@pytest.mark.parametrize(("namespace", "identifier"), [("a", "a/b"), ("", "b")])
def test_identifiers(namespace: str, identifier: str) -> None:
    metadata = {"name": "b", "namespace": namespace} if namespace else {"name": "b"}
    assert qualified({"metadata": metadata}) == identifier
    assert parted(identifier) == (namespace, "b")


def test_defaults_and_status_are_pruned_and_drift_is_not() -> None:
    live = {"metadata": {"name": "a", "uid": "1"}, "spec": {"a": [{"b": 1, "more": 2}, {"c": 3}]}, "status": {}}
    inputs = {"metadata": {"name": "a"}, "spec": {"a": [{"b": 1}], "gone": True}}
    assert pruned(live, inputs) == {"metadata": {"name": "a"}, "spec": {"a": [{"b": 1}, {"c": 3}]}}


def test_text_of_a_secret_is_read_back_from_its_data() -> None:
    live = {"kind": "Secret", "data": {"a": "aGk=", "b": "eW91"}}
    assert pruned(live, {"kind": "Secret", "stringData": {"a": "old"}}) == {"kind": "Secret", "stringData": {"a": "hi"}}


def manifest(kind: str = "Thing", version: str = "v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a", "namespace": "n"}, **more}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (manifest(), manifest(), []),
        (manifest(a=[1]), manifest(a=[1, 2]), [Change("a[1]", "add", False)]),
        (manifest(a={"b.c": 1}), manifest(a={}), [Change('a["b.c"]', "delete", False)]),
        (manifest(a="1"), manifest(a=UNKNOWN), [Change("a", "update", False)]),
        (manifest(), manifest(metadata={"name": "b", "namespace": "n"}), [Change("metadata.name", "update", True)]),
        (
            manifest("ConfigMap", data={"a": "1"}),
            manifest("ConfigMap", data={"a": "2"}),
            [Change("data.a", "update", True)],
        ),
        (
            manifest("RoleBinding", "rbac.authorization.k8s.io/v1", roleRef={"name": "a"}),
            manifest("RoleBinding", "rbac.authorization.k8s.io/v1", roleRef={"name": "b"}),
            [Change("roleRef.name", "update", True)],
        ),
    ],
)
def test_differences(old: dict[str, Any], new: dict[str, Any], expected: list[Change]) -> None:
    assert differences(old, new) == expected


def test_content_of_mutable_kinds_replaces_nothing() -> None:
    old, new = manifest("ConfigMap", data={"a": "1"}), manifest("ConfigMap", data={"a": "2"})
    assert differences(old, new, mutable=frozenset({"ConfigMap"})) == [Change("data.a", "update", False)]


def test_secrecy_follows_the_inputs() -> None:
    source = Struct()
    source.fields["kind"].CopyFrom(encode("Thing"))
    source.fields["spec"].struct_value.fields["hidden"].CopyFrom(encode("a", secret=True))
    source.fields["spec"].struct_value.fields["list"].list_value.values.add().CopyFrom(encode("b", secret=True))
    live = {"kind": "Thing", "spec": {"hidden": "a", "list": ["b"], "open": "c"}, "status": {"d": 1}}
    found = encoded(live, source)
    assert decode_struct(found) == live
    spec = found.fields["spec"].struct_value.fields
    assert {name: has_secret(value) for name, value in spec.items()} == {"hidden": True, "list": True, "open": False}
    assert not has_secret(found.fields["status"])


def test_content_of_a_secret_is_always_secret() -> None:
    found = encoded({"kind": "Secret", "data": {"a": "b"}, "metadata": {"name": "c"}}, Struct())
    assert has_secret(found.fields["data"])
    assert not has_secret(found.fields["metadata"])
