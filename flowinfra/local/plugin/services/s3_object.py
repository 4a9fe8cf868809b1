"""aws:s3: BucketObjectv2 and BucketObject; functions getObject and getObjects.

After terraform-provider-aws `internal/service/s3/object.go` and `bucket_object.go`: bucket and key replace, any
other change uploads again or changes tags in place, an object that exists is written over. The key defaults to the
resource's name (pulumi-aws `provider/resources.go`). A source asset is compared by its hash.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from flowinfra.local.plugin.cloud import CloudError, Scope, explained
from flowinfra.local.plugin.naming import Naming
from flowinfra.local.plugin.resource import Created, Resource, State, made, pairs, present, unpair
from flowinfra.plugin.checks import is_base64, not_empty, one_of
from flowinfra.plugin.schema import Problem, Prop, Schema, flag, strings, text
from flowinfra.plugin.wire import Asset

_ACLS = ["private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
         "bucket-owner-full-control"]  # fmt: skip
_CHECKSUMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
_HEADERS = {
    "cacheControl": "CacheControl",
    "contentDisposition": "ContentDisposition",
    "contentEncoding": "ContentEncoding",
    "contentLanguage": "ContentLanguage",
    "contentType": "ContentType",
    "metadata": "Metadata",
    "serverSideEncryption": "ServerSideEncryption",
    "storageClass": "StorageClass",
    "websiteRedirect": "WebsiteRedirectLocation",
}
"""Property → argument of PutObject and answer of HeadObject."""
_NOT_CONTENT = {"tags", "tagsAll", "forceDestroy"}
_MOST_KEYS = 1_000
"""Most keys that getObjects returns where the program gives no `maxKeys`."""
_TEXT = re.compile(r"text/|application/(json|xml|xhtml\+xml|javascript|ecmascript|graphql|x-sql|x-httpd-php)")
"""Content types whose content getObject returns."""


def _lower_keys(name: str, value: dict[str, Any]) -> Iterator[str]:
    for key in value:
        if key != key.lower():
            yield f'Metadata must be lowercase only. Offending key: "{key}"'


def _schema(title: str, **more: Prop) -> Schema:
    return Schema(
        title,
        {
            "bucket": text(not_empty, required=True, replaces=True),
            "cacheControl": text(),
            "content": text(unread=True, conflicts=("source", "contentBase64")),
            "contentBase64": text(is_base64, unread=True, conflicts=("source",)),
            "checksumAlgorithm": text(one_of(_CHECKSUMS), unread=True),
            "contentDisposition": text(),
            "contentEncoding": text(),
            "contentLanguage": text(),
            "contentType": text(computed=True),
            "etag": text(computed=True),
            "forceDestroy": flag(default=False, unread=True),
            "key": text(not_empty, required=True, replaces=True),
            "metadata": strings(checks=(_lower_keys,)),
            "serverSideEncryption": text(one_of(["AES256", "aws:kms", "aws:kms:dsse"]), computed=True),
            "source": Prop("asset", unread=True),
            "sourceHash": text(unread=True),
            "storageClass": text(computed=True),
            "websiteRedirect": text(),
            **more,
        },
        ("arn", "versionId"),
        identity="key",
        identity_limit=1024,
    )


class BucketObjectv2(Resource):
    """An object."""

    token = "aws:s3/bucketObjectv2:BucketObjectv2"  # noqa: S105
    schema = _schema("S3 Object", acl=text(one_of(_ACLS), computed=True, unread=True))

    def made_up_name(self, names: Naming, new: State) -> str:
        """The key is the resource's name, unchanged."""
        return names.name

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """Content comes from a file or a text."""
        source = new.get("source")
        if isinstance(source, Asset) and (source.archive or source.uri):
            yield Problem("source", "the local aws plugin takes a FileAsset or StringAsset as source")

    def unknown(self, old: State, new: State, changed: Collection[str]) -> Collection[str]:
        """New content has a new entity tag, and a new version where there are versions."""
        return ("etag", "versionId") if set(changed) - _NOT_CONTENT else ()

    def create(self, aws: Scope, new: State) -> Created:
        """PutObject."""
        self._upload(aws, new)
        return Created(f"{new['bucket']}/{new['key']}", made(self._head(aws, new["bucket"], new["key"]), new))

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """HeadObject and tags."""
        bucket, _, key = identifier.removeprefix("s3://").partition("/")
        if not key:
            raise CloudError(f'id "{identifier}" should be in the format <bucket>/<key> or s3://<bucket>/<key>')
        try:
            found = self._head(aws, bucket, key)
            with explained(f"listing the tags of S3 Object ({identifier})"):
                tags = aws.client("s3").get_object_tagging(Bucket=bucket, Key=_clean(key))["TagSet"]
        except CloudError as error:
            if error.means_absent("NoSuchBucket", "NoSuchKey"):
                return None
            raise
        return {**found, "tagsAll": unpair(tags)}

    @staticmethod
    def _head(aws: Scope, bucket: str, key: str) -> dict[str, Any]:
        with explained(f"reading S3 Object ({bucket}/{key})"):
            head = aws.client("s3").head_object(Bucket=bucket, Key=_clean(key))
        return {
            **{name: head.get(header) for name, header in _HEADERS.items()},
            "arn": f"arn:{aws.partition}:s3:::{bucket}/{key}",
            "bucket": bucket,
            "etag": head["ETag"].strip('"'),
            "key": key,
            "storageClass": head.get("StorageClass", "STANDARD"),
            "versionId": head.get("VersionId"),
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """PutObject again, or tags alone."""
        if set(changed) - _NOT_CONTENT:
            self._upload(aws, new)
            return made(self._head(aws, new["bucket"], new["key"]), new)
        if "tagsAll" in changed:
            with explained(f"updating the tags of S3 Object ({identifier})"):
                aws.client("s3").put_object_tagging(
                    Bucket=new["bucket"], Key=_clean(new["key"]), Tagging={"TagSet": pairs(new["tagsAll"])}
                )
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteObject, all its versions where there are versions."""
        client = aws.client("s3")
        bucket, key = old["bucket"], _clean(old["key"])
        try:
            with explained(f"deleting S3 Bucket ({bucket}) Object ({key})"):
                if old.get("versionId"):
                    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
                        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                            if item["Key"] == key:
                                client.delete_object(Bucket=bucket, Key=key, VersionId=item["VersionId"])
                else:
                    client.delete_object(Bucket=bucket, Key=key)
        except CloudError as error:
            if not error.means_absent("NoSuchBucket", "NoSuchKey"):
                raise

    @staticmethod
    def _upload(aws: Scope, new: State) -> None:
        bucket, key = new["bucket"], _clean(new["key"])
        doing = f"uploading S3 Object ({key}) to Bucket ({bucket})"
        try:
            body = _body(new)
        except OSError as error:
            raise CloudError(f"{doing}: opening S3 object source ({error.filename}): {error.strerror}") from error
        arguments = {header: new.get(name) for name, header in _HEADERS.items()}
        with explained(doing):
            aws.client("s3").put_object(
                **present(
                    Bucket=bucket,
                    Key=key,
                    Body=body,
                    ACL=new.get("acl"),
                    ChecksumAlgorithm=new.get("checksumAlgorithm"),
                    Tagging=urlencode(new["tagsAll"]) or None,
                    **arguments,
                )
            )


class BucketObject(BucketObjectv2):
    """The older resource for the same."""

    token = "aws:s3/bucketObject:BucketObject"  # noqa: S105
    schema = _schema("S3 Bucket Object", acl=text(one_of(_ACLS), default="private", unread=True))


def get_objects(aws: Scope, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that begin with a prefix, at most `maxKeys`.

    After `internal/service/s3/objects_data_source.go`.
    """
    bucket, most = arguments["bucket"], int(arguments.get("maxKeys") or _MOST_KEYS)
    with explained(f"listing S3 Bucket ({bucket}) Objects"):
        asked = present(Bucket=bucket, Prefix=arguments.get("prefix"), StartAfter=arguments.get("startAfter"))
        pages = aws.client("s3").get_paginator("list_objects_v2").paginate(**asked, PaginationConfig={"MaxItems": most})
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    asked_for = {name: arguments.get(name) for name in ("maxKeys", "prefix", "startAfter")}
    nothing: dict[str, Any] = {"commonPrefixes": [], "owners": [], "requestCharged": ""}
    return {**nothing, **asked_for, "bucket": bucket, "id": bucket, "keys": keys, "region": aws.region}


def get_object(aws: Scope, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """An object's metadata and tags, and what it holds if that is text.

    After `internal/service/s3/object_data_source.go`.
    """
    bucket, key = arguments["bucket"], arguments["key"]
    with explained(f"reading S3 Bucket ({bucket}) Object ({key})"):
        found = aws.client("s3").get_object(Bucket=bucket, Key=_clean(key))
        tags = aws.client("s3").get_object_tagging(Bucket=bucket, Key=_clean(key))["TagSet"]
        content = found["Body"].read() if _TEXT.match(found.get("ContentType", "")) else b""
    return {
        **{name: found.get(header) for name, header in _HEADERS.items() if header != "WebsiteRedirectLocation"},
        "arn": f"arn:{aws.partition}:s3:::{bucket}/{key}",
        "body": content.decode(errors="replace"),
        "bucket": bucket,
        "contentLength": found["ContentLength"],
        "etag": found["ETag"].strip('"'),
        "id": f"{bucket}/{key}",
        "key": key,
        "lastModified": found["LastModified"].strftime("%a, %d %b %Y %H:%M:%S UTC"),
        "metadata": found.get("Metadata", {}),
        "region": aws.region,
        "storageClass": found.get("StorageClass", "STANDARD"),
        "tags": unpair(tags),
        "versionId": found.get("VersionId"),
    }


def _body(new: State) -> bytes:
    if isinstance(source := new.get("source"), Asset):
        return source.read()
    if (content := new.get("content")) is not None:
        return str(content).encode()
    return base64.b64decode(new.get("contentBase64") or "")


def _clean(key: str) -> str:
    """Upstream's sdkv1CompatibleCleanKey."""
    return re.sub(r"/+", "/", key.removeprefix("./").lstrip("/"))
