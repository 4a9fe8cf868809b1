"""aws:s3: Bucket and the settings that are resources of their own.

After terraform-provider-aws `internal/service/s3/bucket.go` (a bucket that exists is refused, also one's own in
us-east-1, where S3 itself would say yes), `bucket_versioning.go`, `bucket_public_access_block.go`,
`bucket_server_side_encryption_configuration.go`, `bucket_lifecycle_configuration.go` and pulumi-aws
`provider/resources.go` (names). Bucket's own inputs for those settings are left out: give them as resources.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope, explained
from flowinfra.local.plugin.naming import Naming, unique
from flowinfra.local.plugin.resource import Created, Resource, State, pairs, unpair
from flowinfra.plugin.checks import length, one_of
from flowinfra.plugin.schema import Prop, Schema, block, flag, listing, text, whole

_GONE = ("NoSuchBucket", "404")


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

    def made_up_name(self, names: Naming) -> str:
        """Make up a name in lower case."""
        return super().made_up_name(names).lower()

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
            if not error.means_absent(*_GONE):
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
            if error.means_absent(*_GONE):
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


class _BucketSetting(Resource):
    """A part of a bucket's configuration; its id is the bucket's name."""

    def create(self, aws: Scope, new: State) -> Created:
        """Put it."""
        with explained(f"creating {self.schema.title} ({new['bucket']})"):
            self._put(aws.client("s3"), new)
        return Created(new["bucket"])

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """Get it."""
        try:
            with explained(f"reading {self.schema.title} ({identifier})"):
                found = self._get(aws.client("s3"), identifier)
        except CloudError as error:
            if error.means_absent(
                *_GONE,
                "NoSuchPublicAccessBlockConfiguration",
                "ServerSideEncryptionConfigurationNotFoundError",
                "NoSuchLifecycleConfiguration",
            ):
                return None
            raise
        return found and {"bucket": identifier, **found}

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """Put it again."""
        with explained(f"updating {self.schema.title} ({identifier})"):
            self._put(aws.client("s3"), new)
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Take it away."""
        try:
            with explained(f"deleting {self.schema.title} ({identifier})"):
                self._remove(aws.client("s3"), identifier, old)
        except CloudError as error:
            if not error.means_absent(*_GONE):
                raise

    def _put(self, client: Any, new: State) -> None:
        raise NotImplementedError

    def _get(self, client: Any, bucket: str) -> dict[str, Any] | None:
        raise NotImplementedError

    def _remove(self, client: Any, bucket: str, old: State) -> None:
        raise NotImplementedError


def _setting(title: str, inputs: dict[str, Prop]) -> Schema:
    common = {
        "bucket": text(length(1, 63), required=True, replaces=True),
        "expectedBucketOwner": text(replaces=True, unread=True),
    }
    return Schema(title, {**common, **inputs}, identity=None, tagged=False)


class BucketVersioning(_BucketSetting):
    """Whether a bucket keeps old versions."""

    token = "aws:s3/bucketVersioning:BucketVersioning"  # noqa: S105
    schema = _setting(
        "S3 Bucket Versioning",
        {
            "versioningConfiguration": block(
                {
                    "mfaDelete": text(one_of(["Enabled", "Disabled"]), computed=True),
                    "status": text(one_of(["Enabled", "Suspended", "Disabled"]), required=True),
                },
                required=True,
            )
        },
    )

    def _put(self, client: Any, new: State) -> None:
        status = new["versioningConfiguration"]["status"]
        # "Disabled" is the state of a bucket that never had versions: there is nothing to call.
        if status != "Disabled":
            client.put_bucket_versioning(Bucket=new["bucket"], VersioningConfiguration={"Status": status})

    def _get(self, client: Any, bucket: str) -> dict[str, Any] | None:
        status = client.get_bucket_versioning(Bucket=bucket).get("Status", "Disabled")
        return {"versioningConfiguration": {"status": status}}

    def _remove(self, client: Any, bucket: str, old: State) -> None:
        if old["versioningConfiguration"]["status"] == "Enabled":
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


class BucketPublicAccessBlock(_BucketSetting):
    """What keeps a bucket private."""

    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"  # noqa: S105
    _FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    schema = Schema(
        "S3 Bucket Public Access Block",
        {
            "bucket": text(length(1, 63), required=True, replaces=True),
            **{name: flag(default=False) for name in _FLAGS},
            "skipDestroy": flag(unread=True),
        },
        identity=None,
        tagged=False,
    )

    def _put(self, client: Any, new: State) -> None:
        client.put_public_access_block(
            Bucket=new["bucket"],
            PublicAccessBlockConfiguration={name[0].upper() + name[1:]: bool(new.get(name)) for name in self._FLAGS},
        )

    def _get(self, client: Any, bucket: str) -> dict[str, Any] | None:
        found = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        return {name: bool(found.get(name[0].upper() + name[1:])) for name in self._FLAGS}

    def _remove(self, client: Any, bucket: str, old: State) -> None:
        if not old.get("skipDestroy"):
            client.delete_public_access_block(Bucket=bucket)


class BucketServerSideEncryptionConfiguration(_BucketSetting):
    """How a bucket encrypts."""

    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"  # noqa: S105
    schema = _setting(
        "S3 Bucket Server-side Encryption Configuration",
        {
            "rules": listing(
                block(
                    {
                        "applyServerSideEncryptionByDefault": block(
                            {
                                "kmsMasterKeyId": text(),
                                "sseAlgorithm": text(one_of(["AES256", "aws:kms", "aws:kms:dsse"]), required=True),
                            }
                        ),
                        "bucketKeyEnabled": flag(),
                    }
                ),
                required=True,
                unordered=True,
            )
        },
    )

    def _put(self, client: Any, new: State) -> None:
        rules = []
        for rule in new["rules"]:
            made: dict[str, Any] = {"BucketKeyEnabled": bool(rule.get("bucketKeyEnabled"))}
            if by_default := rule.get("applyServerSideEncryptionByDefault"):
                made["ApplyServerSideEncryptionByDefault"] = {"SSEAlgorithm": by_default["sseAlgorithm"]}
                if key := by_default.get("kmsMasterKeyId"):
                    made["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] = key
            rules.append(made)
        client.put_bucket_encryption(Bucket=new["bucket"], ServerSideEncryptionConfiguration={"Rules": rules})

    def _get(self, client: Any, bucket: str) -> dict[str, Any] | None:
        rules = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        found = []
        for rule in rules:
            by_default = rule.get("ApplyServerSideEncryptionByDefault") or {}
            found.append(
                {
                    "applyServerSideEncryptionByDefault": {
                        "kmsMasterKeyId": by_default.get("KMSMasterKeyID"),
                        "sseAlgorithm": by_default.get("SSEAlgorithm"),
                    },
                    "bucketKeyEnabled": bool(rule.get("BucketKeyEnabled")),
                }
            )
        return {"rules": found}

    def _remove(self, client: Any, bucket: str, old: State) -> None:
        client.delete_bucket_encryption(Bucket=bucket)


_STORAGE = one_of(["GLACIER", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "DEEP_ARCHIVE", "GLACIER_IR"])


class BucketLifecycleConfiguration(_BucketSetting):
    """When objects go: by prefix, with expiration, transitions and clean-up of unfinished uploads."""

    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"  # noqa: S105
    schema = _setting(
        "S3 Bucket Lifecycle Configuration",
        {
            "rules": listing(
                block(
                    {
                        "abortIncompleteMultipartUpload": block({"daysAfterInitiation": whole()}),
                        "expiration": block({"days": whole(), "expiredObjectDeleteMarker": flag()}),
                        "filter": block({"prefix": text()}),
                        "id": text(length(1, 255), required=True),
                        "noncurrentVersionExpiration": block({"noncurrentDays": whole(required=True)}),
                        "status": text(one_of(["Enabled", "Disabled"]), required=True),
                        "transitions": listing(
                            block({"days": whole(), "storageClass": text(_STORAGE, required=True)}), unordered=True
                        ),
                    }
                ),
                required=True,
            )
        },
    )

    def _put(self, client: Any, new: State) -> None:
        client.put_bucket_lifecycle_configuration(
            Bucket=new["bucket"], LifecycleConfiguration={"Rules": [_lifecycle(rule) for rule in new["rules"]]}
        )

    def _get(self, client: Any, bucket: str) -> dict[str, Any] | None:
        rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        return {"rules": [_lifecycle_found(rule) for rule in rules]}

    def _remove(self, client: Any, bucket: str, old: State) -> None:
        client.delete_bucket_lifecycle(Bucket=bucket)


def _lifecycle(rule: State) -> dict[str, Any]:
    made: dict[str, Any] = {
        "ID": rule["id"],
        "Status": rule["status"],
        "Filter": {"Prefix": (rule.get("filter") or {}).get("prefix", "")},
    }
    if expiration := rule.get("expiration"):
        made["Expiration"] = (
            {"Days": expiration["days"]} if expiration.get("days") else {"ExpiredObjectDeleteMarker": True}
        )
    if versions := rule.get("noncurrentVersionExpiration"):
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": versions["noncurrentDays"]}
    if uploads := rule.get("abortIncompleteMultipartUpload"):
        made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": uploads["daysAfterInitiation"]}
    if transitions := rule.get("transitions"):
        made["Transitions"] = [
            {"Days": item.get("days", 0), "StorageClass": item["storageClass"]} for item in transitions
        ]
    return made


def _lifecycle_found(rule: State) -> dict[str, Any]:
    expiration, versions = rule.get("Expiration"), rule.get("NoncurrentVersionExpiration")
    uploads, transitions = rule.get("AbortIncompleteMultipartUpload"), rule.get("Transitions")
    return {
        "abortIncompleteMultipartUpload": uploads and {"daysAfterInitiation": uploads["DaysAfterInitiation"]},
        "expiration": expiration
        and {
            "days": expiration.get("Days"),
            "expiredObjectDeleteMarker": bool(expiration.get("ExpiredObjectDeleteMarker")),
        },
        "filter": {"prefix": rule.get("Filter", {}).get("Prefix", rule.get("Prefix", ""))},
        "id": rule["ID"],
        "noncurrentVersionExpiration": versions and {"noncurrentDays": versions["NoncurrentDays"]},
        "status": rule["Status"],
        "transitions": transitions
        and [{"days": item.get("Days"), "storageClass": item["StorageClass"]} for item in transitions],
    }
