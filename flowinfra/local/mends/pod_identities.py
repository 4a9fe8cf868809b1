"""EKS has Pod Identity associations: which role the pods of a service account in a cluster take on.

AWS: an association belongs to a cluster, which has one at most for a namespace and service account; the role has to be
there (https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html, and
`internal/service/eks/pod_identity_association.go` of terraform-provider-aws for the role's message). It has an id that
begins with `a-`, tags of its own, and goes with its cluster.

moto: has clusters, and none of the five operations; it tags clusters alone.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from moto.core.responses import ActionResult
from moto.eks import urls
from moto.eks.exceptions import InvalidParameterException, ResourceInUseException, ResourceNotFoundException
from moto.eks.models import Cluster, EKSBackend
from moto.eks.responses import EKSResponse
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends

from flowinfra.local.mends.mend import Mend, addition, patch

Association = dict[str, Any]

_ID = string.ascii_lowercase + string.digits
_tag, _untag = EKSBackend.tag_resource, EKSBackend.untag_resource


def _all(cluster: Cluster) -> dict[str, Association]:
    """Id → association of a cluster."""
    found: dict[str, Association] = vars(cluster).setdefault("pod_identities", {})
    return found


def _check_role(response: EKSResponse, arn: str) -> None:
    name = arn.rpartition("/")[2]
    try:
        iam_backends[response.current_account][response.partition].get_role(name)
    except NotFoundException:
        raise InvalidParameterException(message="Role provided in the request does not exist.") from None


def _one(response: EKSResponse) -> tuple[dict[str, Association], Association]:
    """All associations of the cluster in the request's path, and the one in it."""
    found = _all(response.eks_backend.describe_cluster(response._get_param("name")))
    identifier = response._get_param("associationId")
    if identifier not in found:
        raise ResourceNotFoundException(message=f"No association found for association id: {identifier}.")
    return found, found[identifier]


def create(self: EKSResponse) -> ActionResult:
    """Associate a role with a service account."""
    cluster = self.eks_backend.describe_cluster(self._get_param("name"))
    place = {"namespace": self._get_param("namespace"), "serviceAccount": self._get_param("serviceAccount")}
    for found in _all(cluster).values():
        if place.items() <= found.items():
            raise ResourceInUseException(message=f"Association already exists: {found['associationId']}")
    _check_role(self, self._get_param("roleArn"))
    identifier = "a-" + "".join(secrets.choice(_ID) for _ in range(17))
    now = datetime.now(timezone.utc)
    made = {
        **place,
        "clusterName": cluster.name,
        "roleArn": self._get_param("roleArn"),
        "associationId": identifier,
        "associationArn": re.sub(r"cluster/.*", f"podidentityassociation/{cluster.name}/{identifier}", cluster.arn),
        "tags": dict(self._get_param("tags") or {}),
        "createdAt": now,
        "modifiedAt": now,
        "disableSessionTags": bool(self._get_param("disableSessionTags")),
    }
    _all(cluster)[identifier] = made
    return ActionResult({"association": made})


def describe(self: EKSResponse) -> ActionResult:
    """Tell of one association."""
    return ActionResult({"association": _one(self)[1]})


def update(self: EKSResponse) -> ActionResult:
    """Give an association another role."""
    found = _one(self)[1]
    if arn := self._get_param("roleArn"):
        _check_role(self, arn)
        found["roleArn"] = arn
    found["modifiedAt"] = datetime.now(timezone.utc)
    return ActionResult({"association": found})


def delete(self: EKSResponse) -> ActionResult:
    """Take an association away."""
    found, one = _one(self)
    return ActionResult({"association": found.pop(one["associationId"])})


def listed(self: EKSResponse) -> ActionResult:
    """All associations of a cluster, or those of a namespace or service account."""
    found = _all(self.eks_backend.describe_cluster(self._get_param("name"))).values()
    wanted = {key: value for key in ("namespace", "serviceAccount") if (value := self._get_param(key))}
    shown = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId")
    return ActionResult(
        {"associations": [{key: one[key] for key in shown} for one in found if wanted.items() <= one.items()]}
    )


def _with_arn(backend: EKSBackend, arn: str) -> Iterator[Association]:
    for cluster in backend.clusters.values():
        yield from (one for one in _all(cluster).values() if one["associationArn"] == arn)


def tag(self: EKSBackend, resource_arn: str, tags: dict[str, str]) -> None:
    """Tag an association, or what moto tags."""
    found = next(_with_arn(self, resource_arn), None)
    if found is None:
        _tag(self, resource_arn, tags)
    else:
        found["tags"].update(tags)


def untag(self: EKSBackend, resource_arn: str, tag_keys: list[str]) -> None:
    """Take tags from an association, or from what moto tags."""
    found = next(_with_arn(self, resource_arn), None)
    if found is None:
        _untag(self, resource_arn, tag_keys)
        return
    for key in [tag_keys] if isinstance(tag_keys, str) else tag_keys:
        found["tags"].pop(key, None)


_ALL = "{0}/clusters/(?P<name>[^/]+)/pod-identity-associations$"
_ONE = "{0}/clusters/(?P<name>[^/]+)/pod-identity-associations/(?P<associationId>[^/]+)$"

MEND = Mend(
    "pod-identities",
    (
        patch(urls, "url_paths", {**urls.url_paths, _ALL: urls.response.dispatch, _ONE: urls.response.dispatch}),
        addition(EKSResponse, "create_pod_identity_association", create),
        addition(EKSResponse, "describe_pod_identity_association", describe),
        addition(EKSResponse, "update_pod_identity_association", update),
        addition(EKSResponse, "delete_pod_identity_association", delete),
        addition(EKSResponse, "list_pod_identity_associations", listed),
        patch(EKSBackend, "tag_resource", tag),
        patch(EKSBackend, "untag_resource", untag),
    ),
)
