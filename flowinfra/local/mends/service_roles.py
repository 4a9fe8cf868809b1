"""CreateComputeEnvironment without a service role takes the account's service-linked one.

AWS: where `serviceRole` is left out, Batch uses `AWSServiceRoleForBatch`, and makes it if the account has none
(https://docs.aws.amazon.com/batch/latest/userguide/using-service-linked-roles.html).

moto: refuses with `ServiceRole is required`.
"""

from __future__ import annotations

import json
from typing import Any

from moto.batch.models import BatchBackend, ComputeEnvironment
from moto.iam.exceptions import NotFoundException

from flowinfra.local.mends.mend import Mend, patch

_SERVICE = "batch.amazonaws.com"
_NAME = "AWSServiceRoleForBatch"
_create = BatchBackend.create_compute_environment


def create(self: BatchBackend, *, service_role: str | None = None, **arguments: Any) -> ComputeEnvironment:
    """Fill in the service-linked role."""
    return _create(self, service_role=service_role or _linked_role(self), **arguments)


def _linked_role(backend: BatchBackend) -> str:
    try:
        return backend.iam_backend.get_role(_NAME).arn
    except NotFoundException:
        # moto's own create_service_linked_role spells it with a small b
        trust = {"Effect": "Allow", "Principal": {"Service": _SERVICE}, "Action": "sts:AssumeRole"}
        return backend.iam_backend.create_role(
            role_name=_NAME,
            assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
            path=f"/aws-service-role/{_SERVICE}/",
            permissions_boundary=None,
            description="",
            tags=[],
            max_session_duration="3600",
            linked_service=_SERVICE,
        ).arn


MEND = Mend("service_roles", (patch(BatchBackend, "create_compute_environment", create),))
