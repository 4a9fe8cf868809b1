"""The few names of Google's and Azure's Python packages that Metaflow uses, for running its own commands without them.

A cloud in which nothing is yet and everything may be saved: what is judged is what Metaflow sends elsewhere.
"""

from __future__ import annotations

from pathlib import Path

_GOOGLE = {
    "google/auth/__init__.py": """
def default(scopes):
    return "credentials", "project"
""",
    "google/api_core/exceptions.py": """
class NotFound(Exception):
    pass
""",
    "google/cloud/storage/retry.py": "DEFAULT_RETRY = None\n",
    "google/cloud/storage/__init__.py": """
from google.api_core.exceptions import NotFound

class Blob:
    def exists(self):
        return False
    def reload(self):
        raise NotFound
    def upload_from_filename(self, filename, retry, timeout):
        open(filename, "rb").close()

class Bucket:
    def blob(self, path):
        return Blob()

class Client:
    SCOPE = ()
    def __init__(self, credentials, project):
        pass
    def bucket(self, name):
        return Bucket()
""",
}
_AZURE = {
    "azure/identity/__init__.py": """
class Token:
    expires_on = float("inf")

class DefaultAzureCredential:
    def get_token(self, scope):
        return Token()
""",
    "azure/core/credentials.py": "class TokenCredential:\n    pass\n",
    "azure/core/exceptions.py": """
class AzureError(Exception):
    pass
class ClientAuthenticationError(AzureError):
    pass
class ResourceExistsError(AzureError):
    pass
class ResourceNotFoundError(AzureError):
    pass
""",
    "azure/storage/blob/__init__.py": """
from azure.core.exceptions import ResourceNotFoundError

class BlobClient:
    def exists(self):
        return False
    def get_blob_properties(self):
        raise ResourceNotFoundError
    def upload_blob(self, stream, overwrite, metadata, max_concurrency, connection_timeout):
        stream.read()

class ContainerClient:
    def get_blob_client(self, path):
        return BlobClient()

class BlobServiceClient:
    def __init__(self, endpoint, credential, **sizes):
        pass
    def get_container_client(self, name):
        return ContainerClient()
""",
}


def write(folder: Path) -> Path:
    """Write the packages; returns the folder, for PYTHONPATH."""
    for name, text in {**_GOOGLE, **_AZURE}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
