"""Metaflow's datastores that tasks in other places can reach, and how Metaflow names what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Datastore:
    """A kind of datastore; Metaflow calls it by the key in `DATASTORES`."""

    words: str
    """What people call it."""
    bucket: str
    """Name of the placeholder of its bucket."""
    scheme: str
    """What Metaflow begins the address of a place in it with."""
    sysroot: str
    """Metaflow's setting for its root."""
    datatools: str
    """Metaflow's setting for the root of included files."""
    repeats_bucket: bool = False
    """Included files are, inside of the bucket, in a folder of the bucket's name: so Metaflow writes and reads them."""

    def root(self, bucket: str, prefix: str) -> str:
        """The root as Metaflow takes it."""
        return f"{self.scheme}{bucket}/{prefix}"

    def folder(self, bucket: str, prefix: str, kind: str) -> str:
        """Where in the bucket the keys of objects of a kind (`DatastoreObject.kind`) are counted from."""
        return f"{bucket}/{prefix}" if self.repeats_bucket and kind == "include-file" else prefix


DATASTORES: Mapping[str, Datastore] = {
    "s3": Datastore("S3", "bucket", "s3://", "METAFLOW_DATASTORE_SYSROOT_S3", "METAFLOW_DATATOOLS_S3ROOT"),
    "gs": Datastore(
        "Google Cloud Storage", "gs-bucket", "gs://", "METAFLOW_DATASTORE_SYSROOT_GS", "METAFLOW_DATATOOLS_GSROOT"
    ),
    "azure": Datastore(
        "Azure Blob Storage",
        "container",
        "",
        "METAFLOW_DATASTORE_SYSROOT_AZURE",
        "METAFLOW_DATATOOLS_AZUREROOT",
        repeats_bucket=True,
    ),
}
"""Metaflow's `--datastore` → what it is."""

BLOB_ENDPOINT = "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT"
"""Metaflow's setting for the address of the storage account, which only Azure has."""


def datastore_problems(datastore: str, has_account: bool) -> Iterator[str]:
    """What is wrong with a platform's datastore, beginning with the key; `has_account`: `azure` is given."""
    if datastore not in DATASTORES:
        yield f"datastore: found {datastore!r}, allowed: {', '.join(DATASTORES)}; tasks reach no other"
    elif datastore == "azure" and not has_account:
        yield "azure: is missing; the datastore 'azure' needs storage_account and resource_group of its container"
    elif datastore != "azure" and has_account:
        yield f"azure: is given, but the datastore is {datastore!r}; leave it out, or say `datastore: azure`"
