"""The classes of pulumi-gcp and pulumi-azure-native that components use, for tests without these large packages.

Where a package is installed, its own is used: the same tests then say whether these have its arguments.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import pulumi
import pytest


class BucketObject(pulumi.CustomResource):
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        bucket: pulumi.Input[str] | None = None,
        content_type: pulumi.Input[str] | None = None,
        metadata: pulumi.Input[dict[str, str]] | None = None,
        name: pulumi.Input[str] | None = None,
        source: pulumi.Input[pulumi.Asset] | None = None,
    ) -> None:
        inputs = {"bucket": bucket, "contentType": content_type, "metadata": metadata, "name": name, "source": source}
        super().__init__("gcp:storage/bucketObject:BucketObject", resource_name, inputs, opts)


class Blob(pulumi.CustomResource):
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        account_name: pulumi.Input[str] | None = None,
        blob_name: pulumi.Input[str] | None = None,
        container_name: pulumi.Input[str] | None = None,
        content_type: pulumi.Input[str] | None = None,
        metadata: pulumi.Input[dict[str, str]] | None = None,
        resource_group_name: pulumi.Input[str] | None = None,
        source: pulumi.Input[pulumi.Asset] | None = None,
        type: pulumi.Input[str] | None = None,
    ) -> None:
        inputs = {
            "accountName": account_name,
            "blobName": blob_name,
            "containerName": container_name,
            "contentType": content_type,
            "metadata": metadata,
            "resourceGroupName": resource_group_name,
            "source": source,
            "type": type,
        }
        super().__init__("azure-native:storage:Blob", resource_name, inputs, opts)


_CLASSES: dict[str, dict[str, Any]] = {
    "pulumi_gcp": {"BucketObject": BucketObject},
    "pulumi_azure_native": {"Blob": Blob, "BlobType": SimpleNamespace(BLOCK="Block")},
}


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the classes where a package is not installed."""
    for package, classes in _CLASSES.items():
        if find_spec(package) is None:
            storage = ModuleType(f"{package}.storage")
            vars(storage).update(classes)
            top = ModuleType(package)
            top.__spec__ = ModuleSpec(package, None)
            monkeypatch.setitem(sys.modules, package, top)
            monkeypatch.setitem(sys.modules, storage.__name__, storage)
