"""aws:s3: settings of a bucket that are resources of their own.

After terraform-provider-aws `bucket_versioning.go`, `bucket_public_access_block.go`,
`bucket_server_side_encryption_configuration.go` and `bucket_lifecycle_configuration.go` of `internal/service/s3`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, Scope, explained
from flowinfra.local.plugin.resource import Created, Resource, State
from flowinfra.local.plugin.services.s3 import GONE
from flowinfra.plugin.checks import length, one_of
from flowinfra.plugin.schema import Prop, Schema, block, flag, listing, text, whole


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
                *GONE,
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
            if not error.means_absent(*GONE):
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
