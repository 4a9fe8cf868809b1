"""The deployments of a stack that its datastore in S3 keeps, by number; a flow is kept once for each digest.

    <prefix>/.flowinfra/<project>/<stack>/deployments/000007-<content>.json
    <prefix>/.flowinfra/<project>/<stack>/flows/<digest>.json.gz

No flow has a name that begins with a dot, so the folder is nobody's in Metaflow's datastore.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.errors import StateError, ToolError
from flowinfra.model.deployments import KeptDeployment, Numbered, parse_deployment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = ".flowinfra"
DEPLOYMENT, COMPILED = "deployment", "compiled-flow"
"""Kinds of the objects, as their tag says."""
_RECORD = re.compile(r"(?P<number>\d+)-(?P<content>[0-9a-f]+)\.json")
_DIGITS = 6
_AT_ONCE = 8


@dataclass(frozen=True)
class Record:
    """Where a deployment is kept."""

    number: int
    content: str
    """`KeptDeployment.content`, so that a deployment that changes nothing is known without reading the last one."""
    key: str
    size: int


class Deployments:
    """The deployments of one stack in one datastore. Every method raises `ToolError` where AWS refuses."""

    def __init__(self, s3: S3Client, bucket: str, prefix: str, project: str, stack: str) -> None:
        """Args:
        s3: client, with credentials of the stack's account.
        bucket: of the datastore.
        prefix: of the datastore.
        project: Pulumi project of the stack.
        stack: its name.
        """
        self._s3, self.bucket, self._prefix = s3, bucket, prefix.strip("/")
        self._folder = f"{self._prefix}/{FOLDER}/{project}/{stack}".lstrip("/")

    @property
    def place(self) -> str:
        """For messages: `s3://bucket/…`."""
        return f"s3://{self.bucket}/{self._folder}"

    def records(self) -> list[Record]:
        """All that is kept, the first deployment first."""
        found = []
        for key, size in self._listed("deployments"):
            if match := _RECORD.fullmatch(key.rpartition("/")[2]):
                found.append(Record(int(match["number"]), match["content"], key, size))
        return sorted(found, key=lambda record: record.number)

    def flows(self) -> dict[str, tuple[str, int]]:
        """Digest of each compiled flow that is kept → its key and bytes."""
        listed = self._listed("flows")
        return {key.rpartition("/")[2].removesuffix(".json.gz"): (key, size) for key, size in listed}

    def read(self, records: Sequence[Record]) -> list[Numbered]:
        """The deployments of some records, in their order.

        Raises:
            StateError: one of them is damaged, or of a newer flowinfra.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            texts = list(pool.map(lambda record: self._content(record.key), records))
        return [
            Numbered(record.number, parse_deployment(text, f"s3://{self.bucket}/{record.key}"))
            for record, text in zip(records, texts, strict=True)
        ]

    def compiled(self, digest: str) -> bytes:
        """JSON of a compiled flow.

        Raises:
            StateError: it is not there any more, or is damaged.
        """
        key = self._flow_key(digest)
        try:
            text = gzip.decompress(self._content(key))
        except (OSError, EOFError) as error:
            raise StateError(f"s3://{self.bucket}/{key}: is damaged ({error})") from None
        if hashlib.sha256(text).hexdigest() != digest:
            raise StateError(f"s3://{self.bucket}/{key}: does not have the digest that it is named by")
        return text

    def object(self, key: str) -> bytes:
        """Bytes of an object as they are stored; `key`: counted from the datastore's root.

        Raises:
            StateError: it is not there any more.
        """
        return self._content(f"{self._prefix}/{key}".lstrip("/"))

    def keep(
        self, kept: KeptDeployment, compiled: Mapping[str, str], tags: Callable[[str], Mapping[str, str]]
    ) -> int | None:
        """Keep a deployment, and return its number; None where the last one left the same.

        Args:
            kept: the deployment.
            compiled: digest → JSON of its flows.
            tags: kind of object → its tags.
        """
        records = self.records()
        if records and records[-1].content == kept.content:
            return None
        there = self.flows()
        missing = [(digest, text) for digest, text in compiled.items() if digest not in there]

        def put(flow: tuple[str, str]) -> None:
            digest, text = flow
            self._put(self._flow_key(digest), gzip.compress(text.encode(), mtime=0), tags(COMPILED))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(put, missing))
        number = records[-1].number + 1 if records else 1
        # last, so that a record whose flows are not all there is never seen
        key = f"{self._folder}/deployments/{number:0{_DIGITS}}-{kept.content}.json"
        self._put(key, kept.model_dump_json().encode(), tags(DEPLOYMENT))
        return number

    def _flow_key(self, digest: str) -> str:
        return f"{self._folder}/flows/{digest}.json.gz"

    def _listed(self, folder: str) -> list[tuple[str, int]]:
        with self._told():
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=f"{self._folder}/{folder}/"
            )
            return [(entry["Key"], entry["Size"]) for page in pages for entry in page.get("Contents", [])]

    def _content(self, key: str) -> bytes:
        with self._told():
            try:
                return self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except self._s3.exceptions.NoSuchKey:
                raise StateError(
                    f"s3://{self.bucket}/{key}: is not there any more: somebody, or a lifecycle rule of the bucket, "
                    "removed it. Go back to another deployment, or deploy the older commit"
                ) from None

    def _put(self, key: str, body: bytes, tags: Mapping[str, str]) -> None:
        with self._told():
            self._s3.put_object(
                Bucket=self.bucket, Key=key, Body=body, Tagging=urlencode(tags), ChecksumAlgorithm="SHA256"
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise ToolError(f"{self.place}: AWS refused: {error}") from None
