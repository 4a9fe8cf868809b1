"""CreateComputeEnvironment without a service role takes the account's service-linked one.

AWS: where `serviceRole` is left out, Batch uses `AWSServiceRoleForBatch`, and makes it if the account has none
(https://docs.aws.amazon.com/batch/latest/userguide/using-service-linked-roles.html).

moto: refuses with `ServiceRole is required`.
"""

from __future__ import annotations

from typing import Any

from moto.batch.models import BatchBackend, ComputeEnvironment
from moto.iam.exceptions import NotFoundException

from flowinfra.local.mends.mend import Mend, patch

_create = BatchBackend.create_compute_environment


def create(self: BatchBackend, *, service_role: str | None = None, **arguments: Any) -> ComputeEnvironment:
    """Fill in the service-linked role."""
    return _create(self, service_role=service_role or _linked_role(self), **arguments)


def _linked_role(backend: BatchBackend) -> str:
    try:
        return backend.iam_backend.get_role("AWSServiceRoleForBatch").arn
    except NotFoundException:
        return backend.iam_backend.create_service_linked_role("batch.amazonaws.com", "", "").arn


MEND = Mend("service_roles", (patch(BatchBackend, "create_compute_environment", create),))
