"""`--datastore=gs`: what stands in for Google's packages: Metaflow keeps objects in a bucket with nothing in it.

Runs in the flow's interpreter: standard library only. The packages need not be there; the flow's own code, if it
imports them, gets the real ones. Every datastore but S3 has such a file, with the same three names.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .inline import InlineExecutor
from .internals import internals
from .recording import Known

_SERVICE = "google.cloud.storage"
_STORAGE = "metaflow.plugins.datastores.gs_storage"
_CLIENTS = "metaflow.plugins.gcp.gs_storage_client_factory"

SEAMS = ((_STORAGE, "StorageExecutor"), (_CLIENTS, "cached_provider_class"))
"""What is replaced in Metaflow: module and name."""


class NotFoundError(Exception):
    """What Google's packages raise for what is not there."""


class _Blob(Known):
    """An object that is not there, until it is uploaded."""

    metadata: dict[str, str] | None = None

    def exists(self) -> bool:
        return False

    def reload(self) -> None:
        raise NotFoundError

    def upload_from_filename(self, filename: str, **_arguments: Any) -> None:
        self._recording.save(self.bucket, self.path, Path(filename).read_bytes(), self.metadata or {})


def modules(recording: Any) -> dict[str, Any]:
    """Name of a module → what stands in for it: the package itself where Metaflow imports it by a dotted name."""
    storage = Known(_SERVICE, "storage", recording)
    package = SimpleNamespace(
        auth=Known(_SERVICE, "auth", recording),
        api_core=SimpleNamespace(exceptions=SimpleNamespace(NotFound=NotFoundError)),
    )
    return {
        "google.cloud": SimpleNamespace(storage=storage),
        "google.cloud.storage.retry": SimpleNamespace(DEFAULT_RETRY=None),
        "google.auth": package,
        "google.api_core.exceptions": package,
    }


def install(recording: Any) -> None:
    """Give Metaflow a client that records."""

    def bucket(name: str) -> Known:
        return Known(
            _SERVICE, "Bucket", recording, blob=lambda path: _Blob(_SERVICE, "Blob", recording, bucket=name, path=path)
        )

    client = Known(_SERVICE, "Client", recording, bucket=bucket)
    internals(_CLIENTS).cached_provider_class = SimpleNamespace(get_gs_storage_client=lambda: client)
    internals(_STORAGE).StorageExecutor = InlineExecutor
