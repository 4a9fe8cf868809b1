"""Where a flow's datastore is, every value known: what its placeholders, outputs and messages are made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from flowinfra.model.datastores import BLOB_ENDPOINT, DATASTORES
from flowinfra.stack.platform import PlatformConfig


@dataclass(frozen=True)
class AzureStorage:
    """The storage account of a datastore in Azure."""

    storage_account: str
    """Name of the storage account."""
    resource_group: str
    """Resource group of the account: the provider reads the account's key there, to make blobs."""
    blob_endpoint: str | None = None
    """URL at which tasks reach the account. None: `https://<storage_account>.blob.core.windows.net`."""

    @property
    def endpoint(self) -> str:
        """URL at which tasks reach the account."""
        return self.blob_endpoint or f"https://{self.storage_account}.blob.core.windows.net"


@dataclass(frozen=True)
class Place:
    """A datastore's identity."""

    bucket: str
    """Name of the bucket; in Azure of the container."""
    prefix: str
    datastore: str = "s3"
    """One of `DATASTORES`."""
    azure: AzureStorage | None = None

    @property
    def address(self) -> str:
        """Metaflow's root as people read it: with the storage account, too."""
        if self.azure is not None:
            return f"{self.azure.endpoint}/{self.bucket}/{self.prefix}"
        return DATASTORES[self.datastore].root(self.bucket, self.prefix)

    @property
    def identity(self) -> dict[str, str]:
        """Placeholder name → value."""
        values = {DATASTORES[self.datastore].bucket: self.bucket, "prefix": self.prefix}
        return values if self.azure is None else {**values, "blob-endpoint": self.azure.endpoint}

    @property
    def metaflow_config(self) -> dict[str, str]:
        """METAFLOW_* settings with which a laptop reaches it."""
        datastore = DATASTORES[self.datastore]
        root = datastore.root(self.bucket, self.prefix)
        settings = {
            "METAFLOW_DEFAULT_DATASTORE": self.datastore,
            datastore.sysroot: root,
            datastore.datatools: f"{root}/data",
        }
        return settings if self.azure is None else {**settings, BLOB_ENDPOINT: self.azure.endpoint}


def azure_storage(platform: PlatformConfig) -> AzureStorage | None:
    """The storage account of a stack's datastore, where that is in Azure."""
    return None if platform.azure is None else AzureStorage(**platform.azure.model_dump())
