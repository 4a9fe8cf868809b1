"""aws:s3: Bucket.

After terraform-provider-aws `internal/service/s3/bucket.go` (a bucket that exists is refused, also one's own in
us-east-1, where S3 itself would say yes) and pulumi-aws `provider/resources.go` (names). Its own inputs for settings
that are resources of their own (`s3_settings`) are left out: give them as resources.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained
from flowinfra.local.plugin.naming import Naming, unique
from flowinfra.local.plugin.resource import Created, Resource, State, pairs, unpair
from flowinfra.plugin.checks import length
from flowinfra.plugin.schema import Schema, flag, text

GONE = ("NoSuchBucket", "404")
"""Codes of errors for a bucket that does not exist."""


def bucket_name(name: str, value: str) -> Iterator[str]:
    """Upstream's validBucketName (the grammar of buckets outside the old us-east-1 rules)."""
    if not 3 <= len(value) <= 63:
        yield f'"{name}" must contain from 3 to 63 characters: "{value}"'
    if not re.fullmatch(r"[0-9a-z-.]+", value):
        yield f'only lowercase alphanumeric characters and hyphens allowed in "{name}"'
    elif re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", value):
        yield f'"{name}" must not be formatted as an IP address'
    else:
        if value.startswith((".", "-")) or value.endswith((".", "-")):
            yield f'"{name}" cannot start or end with a period or a hyphen'
        if ".." in value:
            yield f'"{name}" can be only one period between labels'


class Bucket(Resource):
    """A bucket."""

    token = "aws:s3/bucket:Bucket"  # noqa: S105
    schema = Schema(
        "S3 Bucket",
        {
            "bucket": text(bucket_name, computed=True, replaces=True, conflicts=("bucketPrefix",)),
            "bucketPrefix": text(length(0, 37), computed=True, replaces=True, unread=True),
            "forceDestroy": flag(default=False, unread=True),
            "objectLockEnabled": flag(computed=True, replaces=True),
        },
        (
            "arn",
            "bucketDomainName",
            "bucketRegion",
            "bucketRegionalDomainName",
            "hostedZoneId",
        ),
        identity="bucket",
        identity_limit=63,
    )

    def made_up_name(self, names: Naming, new: State) -> str:
        """Make up a name in lower case."""
        return super().made_up_name(names, new).lower()

    def create(self, aws: Scope, new: State) -> Created:
        """CreateBucket and its tags."""
        client = aws.client("s3")
        name = new.get("bucket") or unique(new["bucketPrefix"])
        doing = f"creating S3 Bucket ({name})"
        if self._exists(client, name):
            raise CloudError(f"{doing}: BucketAlreadyExists")
        arguments: dict[str, Any] = {"Bucket": name}
        if aws.region != "us-east-1":
            arguments["CreateBucketConfiguration"] = {"LocationConstraint": aws.region}
        if new.get("objectLockEnabled"):
            arguments["ObjectLockEnabledForBucket"] = True
        with explained(doing):
            client.create_bucket(**arguments)
        outputs = self._outputs(aws, name)
        try:
            if new["tagsAll"]:
                with explained(f"setting S3 Bucket ({name}) tags"):
                    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs(new["tagsAll"])})
        except CloudError as error:
            raise PartialError(str(error), name, outputs) from error
        return Created(name, outputs)

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """HeadBucket and tags."""
        client = aws.client("s3")
        if not self._exists(client, identifier):
            return None
        lock = old.get("objectLockEnabled", False)
        return {**self._outputs(aws, identifier), "objectLockEnabled": lock, "tagsAll": self._tags(client, identifier)}

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """Tags; all else replaces."""
        client = aws.client("s3")
        if "tagsAll" in changed:
            with explained(f"updating S3 Bucket ({identifier}) tags"):
                if new["tagsAll"]:
                    client.put_bucket_tagging(Bucket=identifier, Tagging={"TagSet": pairs(new["tagsAll"])})
                else:
                    client.delete_bucket_tagging(Bucket=identifier)
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteBucket; emptied before only where `forceDestroy` says so."""
        client = aws.client("s3")
        try:
            with explained(f"deleting S3 Bucket ({identifier})"):
                if old.get("forceDestroy"):
                    self._empty(client, identifier)
                client.delete_bucket(Bucket=identifier)
        except CloudError as error:
            if not error.means_absent(*GONE):
                raise

    @staticmethod
    def _empty(client: Any, name: str) -> None:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            if objects:
                client.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})

    @staticmethod
    def _exists(client: Any, name: str) -> bool:
        try:
            with explained(f"reading S3 Bucket ({name})"):
                client.head_bucket(Bucket=name)
        except CloudError as error:
            if error.means_absent(*GONE):
                return False
            raise
        return True

    @staticmethod
    def _tags(client: Any, name: str) -> dict[str, str]:
        try:
            with explained(f"listing tags for S3 Bucket ({name})"):
                return unpair(client.get_bucket_tagging(Bucket=name)["TagSet"])
        except CloudError as error:
            if error.means_absent("NoSuchTagSet"):
                return {}
            raise

    @staticmethod
    def _outputs(aws: Scope, name: str) -> dict[str, Any]:
        return {
            "arn": f"arn:{aws.partition}:s3:::{name}",
            "bucket": name,
            "bucketDomainName": f"{name}.s3.amazonaws.com",
            "bucketRegion": aws.region,
            "bucketRegionalDomainName": f"{name}.s3.{aws.region}.amazonaws.com",
        }
