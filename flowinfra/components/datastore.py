"""What a flow's tasks read from the datastore, as objects of S3, whatever runs the flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from flowinfra.compiler import blob_path
from flowinfra.components.inputs import SHORT
from flowinfra.model.compiled import CompiledFlow, DatastoreObject

Tags = Callable[[str], Mapping[str, str]]
"""Kind of object → its tags."""


def files(
    name: str,
    compiled: CompiledFlow,
    bucket: pulumi.Input[str],
    prefix: str,
    tags: Tags,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Code package and files that the tasks read. They stay when they leave the program: runs may still read them.

    Args:
        name: the component's.
        compiled: the flow.
        bucket: of the datastore.
        prefix: of the datastore in the bucket.
        tags: `gc` finds the objects by them.
        opts: of a child of the component.
    """
    return [
        aws.s3.BucketObjectv2(
            object_name(name, digest, entry),
            key=f"{prefix}/{entry.key}",
            source=pulumi.FileAsset(str(blob_path(entry.sha256))),
            # a key is its content: the path of the local file is no difference
            opts=pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(ignore_changes=["source"], retain_on_delete=True)
            ),
            **object_arguments(entry, bucket, tags),
        )
        for digest, entry in compiled.objects.items()
        if entry.text is None
    ]


def object_name(name: str, digest: str, entry: DatastoreObject) -> str:
    """Name of an object in Pulumi."""
    return f"{name}-{entry.kind}-{digest[:SHORT]}"


def object_arguments(entry: DatastoreObject, bucket: pulumi.Input[str], tags: Tags) -> dict[str, Any]:
    """Arguments that all objects have."""
    return {
        "bucket": bucket,
        "metadata": entry.metadata or None,
        # artifacts have another checksum, which lets `gc` find these among millions by listing
        "checksum_algorithm": "SHA256",
        "tags": tags(entry.kind),
    }
