"""What a flow's tasks read from the datastore, as objects of the cloud that it is in, whatever runs the flow."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import pulumi
import pulumi_aws as aws

from flowinfra.compiler import blob_path
from flowinfra.components.asset import file_asset
from flowinfra.components.inputs import SHORT
from flowinfra.components.names import OWN_TAGS
from flowinfra.components.store import Store
from flowinfra.model.compiled import CompiledFlow, DatastoreObject
from flowinfra.model.datastores import DATASTORES

Tags = Callable[[str], Mapping[str, str]]
"""Kind of object → its tags."""

_BYTES = "application/octet-stream"


def files(
    name: str, compiled: CompiledFlow, store: Store, tags: Tags, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Code package and files that the tasks read. They stay when they leave the program: runs may still read them.

    Args:
        name: the component's.
        compiled: the flow.
        store: where they are made.
        tags: `gc` finds the objects by them.
        opts: of a child of the component.
    """
    return [
        _file(object_name(name, digest, entry), entry, store, tags, opts)
        for digest, entry in compiled.objects.items()
        if entry.text is None
    ]


def object_name(name: str, digest: str, entry: DatastoreObject) -> str:
    """Name of an object in Pulumi.

    A flow has one code package: its name stays, so that a preview says of new code what differs, and not two objects
    whole.
    """
    return f"{name}-{entry.kind}" if entry.kind == "package" else f"{name}-{entry.kind}-{digest[:SHORT]}"


def object_arguments(entry: DatastoreObject, bucket: pulumi.Input[str], tags: Tags) -> dict[str, Any]:
    """Arguments that all objects in S3 have."""
    return {
        "bucket": bucket,
        "metadata": entry.metadata or None,
        # artifacts have another checksum, which lets `gc` find these among millions by listing
        "checksum_algorithm": "SHA256",
        "tags": tags(entry.kind),
    }


def text(
    name: str,
    key: str,
    content: pulumi.Output[str],
    store: Store,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """Make a text object that is deleted when it leaves the program.

    Args:
        name: in Pulumi.
        key: of the object, counted from the datastore's root.
        content: the text.
        store: where it is made.
        tags: of the object.
        opts: of a child of the component.
    """
    path = f"{store.prefix}/{key}"
    if store.datastore == "s3":
        # a refresh reads metadata and no content: an upload that failed is seen, and done again, by its digest there
        digest = content.apply(lambda text: hashlib.sha256(text.encode()).hexdigest())
        return aws.s3.BucketObjectv2(
            name,
            bucket=store.bucket,
            key=path,
            content=content,
            metadata={"flowinfra-sha256": digest},
            tags=tags,
            opts=opts,
        )
    # a replacement has the same name: what is deleted after it was made would be itself
    own = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True))
    return _MAKERS[store.datastore](name, store, path, content.apply(pulumi.StringAsset), {}, tags, own)


def _file(name: str, entry: DatastoreObject, store: Store, tags: Tags, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    source = file_asset(blob_path(entry.sha256), entry.sha256)
    # Google's provider compares the bytes as they are stored as well, and how they were compressed is no difference
    ignored = ["detectMd5hash"] if store.datastore == "gs" else None
    own = pulumi.ResourceOptions(ignore_changes=ignored, retain_on_delete=True, protect=False)
    kept = pulumi.ResourceOptions.merge(opts, own)
    if store.datastore == "s3":
        return aws.s3.BucketObjectv2(
            name,
            key=f"{store.prefix}/{entry.key}",
            source=source,
            opts=kept,
            **object_arguments(entry, store.bucket, tags),
        )
    return _MAKERS[store.datastore](name, store, _path(entry, store), source, entry.metadata, tags(entry.kind), kept)


def _path(entry: DatastoreObject, store: Store) -> pulumi.Input[str]:
    """Where the object is in the bucket; not known in a preview if it is that of a bucket that is being created."""
    datastore = DATASTORES[store.datastore]
    if not datastore.repeats_bucket:
        return f"{store.prefix}/{entry.key}"
    if isinstance(store.bucket, str):
        return f"{datastore.folder(store.bucket, store.prefix, entry.kind)}/{entry.key}"
    bucket = pulumi.Output.all(store.bucket)
    return bucket.apply(lambda known: f"{datastore.folder(known[0], store.prefix, entry.kind)}/{entry.key}")


def _google(
    name: str,
    store: Store,
    path: pulumi.Input[str],
    source: pulumi.Input[pulumi.Asset],
    metadata: Mapping[str, str],
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    storage: Any = import_module("pulumi_gcp.storage")
    made: pulumi.Resource = storage.BucketObject(
        name,
        bucket=store.bucket,
        name=path,
        source=source,
        content_type=_BYTES,
        metadata={**_own(tags, "-"), **metadata},
        opts=opts,
    )
    return made


def _azure(
    name: str,
    store: Store,
    path: pulumi.Input[str],
    source: pulumi.Input[pulumi.Asset],
    metadata: Mapping[str, str],
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    storage: Any = import_module("pulumi_azure_native.storage")
    assert store.azure is not None
    made: pulumi.Resource = storage.Blob(
        name,
        resource_group_name=store.azure.resource_group,
        account_name=store.azure.storage_account,
        container_name=store.bucket,
        blob_name=path,
        type=storage.BlobType.BLOCK,
        source=source,
        content_type=_BYTES,
        metadata={**_own(tags, "_"), **metadata},
        opts=opts,
    )
    return made


_MAKERS: Mapping[str, Callable[..., pulumi.Resource]] = {"gs": _google, "azure": _azure}


def _own(tags: Mapping[str, str], joint: str) -> dict[str, str]:
    """Flowinfra's tags as metadata, whose keys take no colon; the user's are those of AWS."""
    return {key.replace(":", joint): value for key, value in tags.items() if key in OWN_TAGS}
