"""aws:eks/podIdentityAssociation:PodIdentityAssociation.

After terraform-provider-aws `internal/service/eks/pod_identity_association.go`: cluster, namespace and service account
are its place, which AWS gives to one association only; a role that IAM has just made is waited for.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, Scope, explained, once_possible
from flowinfra.local.plugin.resource import Created, Resource, State, present, tag_changes
from flowinfra.plugin.checks import arn
from flowinfra.plugin.schema import Schema, flag, text

_NO_ROLE = "Role provided in the request does not exist"


class PodIdentityAssociation(Resource):
    """The role of a service account's pods in a cluster."""

    token = "aws:eks/podIdentityAssociation:PodIdentityAssociation"  # noqa: S105
    schema = Schema(
        "EKS Pod Identity Association",
        {
            "clusterName": text(required=True, replaces=True),
            "disableSessionTags": flag(default=False),
            "namespace": text(required=True, replaces=True),
            "roleArn": text(arn, required=True),
            "serviceAccount": text(required=True, replaces=True),
        },
        ("associationArn", "associationId"),
        identity=None,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """CreatePodIdentityAssociation; refused by AWS where the service account has one."""

        def make() -> dict[str, Any]:
            with explained("creating EKS Pod Identity Association"):
                answer = aws.client("eks").create_pod_identity_association(
                    **present(
                        clusterName=new["clusterName"],
                        namespace=new["namespace"],
                        serviceAccount=new["serviceAccount"],
                        roleArn=new["roleArn"],
                        disableSessionTags=new.get("disableSessionTags"),
                        tags=new["tagsAll"],
                    )
                )
            found: dict[str, Any] = answer["association"]
            return found

        made = once_possible(make, code="InvalidParameterException", message=_NO_ROLE)
        outputs = {"associationArn": made["associationArn"], "associationId": made["associationId"]}
        return Created(made["associationId"], outputs)

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribePodIdentityAssociation."""
        cluster, _, association = identifier.rpartition(",")
        try:
            with explained(f"reading EKS Pod Identity Association ({identifier})"):
                found = aws.client("eks").describe_pod_identity_association(
                    clusterName=cluster or old["clusterName"], associationId=association
                )["association"]
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        return {
            **{
                key: found[key]
                for key in ("associationArn", "associationId", "clusterName", "namespace", "roleArn", "serviceAccount")
            },
            "disableSessionTags": found.get("disableSessionTags", False),
            "tagsAll": found.get("tags", {}),
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """UpdatePodIdentityAssociation, and tags."""
        client = aws.client("eks")
        if {"disableSessionTags", "roleArn"} & set(changed):

            def change() -> None:
                with explained(f"updating EKS Pod Identity Association ({identifier})"):
                    client.update_pod_identity_association(
                        clusterName=new["clusterName"],
                        associationId=identifier,
                        roleArn=new["roleArn"],
                        disableSessionTags=bool(new.get("disableSessionTags")),
                    )

            once_possible(change, code="InvalidParameterException", message=_NO_ROLE)
        with explained(f"updating tags of EKS Pod Identity Association ({identifier})"):
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_resource(resourceArn=old["associationArn"], tagKeys=to_remove)
            if to_set:
                client.tag_resource(resourceArn=old["associationArn"], tags=to_set)
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeletePodIdentityAssociation."""
        try:
            with explained(f"deleting EKS Pod Identity Association ({identifier})"):
                aws.client("eks").delete_pod_identity_association(
                    clusterName=old["clusterName"], associationId=identifier
                )
        except CloudError as error:
            if not error.means_absent():
                raise
