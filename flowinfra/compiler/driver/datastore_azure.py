"""`--datastore=azure`: what stands in for Azure's packages: Metaflow keeps objects in a container with nothing in it.

Runs in the flow's interpreter: standard library only. The packages need not be there; the flow's own code, if it
imports them, gets the real ones.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import IO, Any

from .inline import InlineExecutor
from .internals import internals
from .recording import Known

_SERVICE = "azure.storage.blob"
_STORAGE = "metaflow.plugins.datastores.azure_storage"
_CREDENTIALS = "metaflow.plugins.azure.azure_credential"

SEAMS = (
    (_STORAGE, "StorageExecutor"),
    (_CREDENTIALS, "cached_provider_class"),
    ("metaflow.plugins.azure.blob_service_client_factory", "get_azure_blob_service_client"),
)
"""What is replaced in Metaflow: module and name."""


class AzureError(Exception):
    """Root of what Azure's packages raise."""


class NotFoundError(AzureError):
    """For what is not there."""


class NeverRaisedError(AzureError):
    """For a login that fails, and for what is there already."""


class _Blob(Known):
    """An object that is not there, until it is uploaded."""

    def exists(self) -> bool:
        return False

    def get_blob_properties(self) -> None:
        raise NotFoundError

    def upload_blob(self, stream: IO[bytes], metadata: dict[str, str] | None = None, **_arguments: Any) -> None:
        self._recording.save(self.container, self.path, stream.read(), metadata or {})


class _TokenCredential:
    """What Metaflow's own credential inherits from."""


class _Token:
    """A login for ever, which Metaflow also looks clients up by."""

    expires_on = math.inf


def modules(recording: Any) -> dict[str, Any]:
    """Name of a module → what stands in for it."""

    def container(name: str) -> Known:
        return Known(
            _SERVICE,
            "ContainerClient",
            recording,
            get_blob_client=lambda path: _Blob(_SERVICE, "BlobClient", recording, container=name, path=path),
        )

    def service(_endpoint: str, **_arguments: Any) -> Known:
        return Known(_SERVICE, "BlobServiceClient", recording, get_container_client=container)

    return {
        "azure.storage.blob": SimpleNamespace(BlobServiceClient=service),
        "azure.identity": SimpleNamespace(),
        "azure.core.credentials": SimpleNamespace(TokenCredential=_TokenCredential),
        "azure.core.exceptions": SimpleNamespace(
            AzureError=AzureError,
            ClientAuthenticationError=NeverRaisedError,
            ResourceExistsError=NeverRaisedError,
            ResourceNotFoundError=NotFoundError,
        ),
    }


def install(_recording: Any) -> None:
    """Give Metaflow a login that needs none, so that it asks for clients, which record."""
    credential = SimpleNamespace(get_token=lambda *_scopes: _Token())
    provider = SimpleNamespace(create_cacheable_azure_credential=lambda: credential)
    internals(_CREDENTIALS).cached_provider_class = provider
    internals(_STORAGE).StorageExecutor = InlineExecutor
