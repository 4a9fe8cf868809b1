"""What stands in for `boto3` and `botocore` where Metaflow imports them: the names that it takes errors and sizes from.

Runs in the flow's interpreter beside the driver: standard library only. Clients come from the driver itself, so nothing
else of these packages is needed, and importing them takes a third as long as all of Metaflow. The flow's own code, if
it imports them, gets the real ones.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class ClientError(Exception):
    """What botocore raises for an answer of AWS that is an error."""

    def __init__(self, error_response: dict[str, Any], operation_name: str) -> None:
        self.response, self.operation_name = error_response, operation_name
        super().__init__(f"{operation_name}: {error_response['Error']}")


class NeverRaisedError(Exception):
    """Stands for the errors of transfers, of which there are none."""


class TransferConfig:
    """boto3's own default."""

    multipart_threshold = 8 * 1024 * 1024


def modules() -> dict[str, Any]:
    """Name of a module → what Metaflow takes from it."""
    exceptions = SimpleNamespace(RetriesExceededError=NeverRaisedError, S3UploadFailedError=NeverRaisedError)
    return {
        "boto3": SimpleNamespace(),
        "boto3.exceptions": exceptions,
        "boto3.s3.transfer": SimpleNamespace(TransferConfig=TransferConfig),
        "botocore.exceptions": SimpleNamespace(ClientError=ClientError, SSLError=NeverRaisedError),
    }
