"""What `gc` keeps of a stack's deployments: the newest ones, and what the tasks of their flows download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flowinfra.clouds.deployments import Deployments, Record
from flowinfra.model.deployments import Numbered
from flowinfra.operate.leftover import Leftover
from flowinfra.operate.references import References

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEPLOYMENTS = 10
"""Default for how many are kept, the present one included."""


@dataclass(frozen=True)
class History:
    """The deployments of a stack that one datastore keeps."""

    root: str
    """`s3://bucket/prefix` of the datastore."""
    bucket: str
    records: tuple[Record, ...]
    compiled: dict[str, tuple[str, int]]
    """Digest of each compiled flow → its key and bytes."""
    newest: tuple[Numbered, ...]
    """Those that stay."""

    @classmethod
    def of(cls, s3: S3Client, root: str, project: str, stack: str, number: int) -> History:
        """Read the history of a stack in the datastore `root`, of which the newest `number` deployments stay.

        Raises:
            StateError, ToolError: it cannot be read, so it is not known what may go.
        """
        bucket, _, prefix = root.removeprefix("s3://").partition("/")
        store = Deployments(s3, bucket, prefix, project, stack)
        records = store.records()
        return cls(root, bucket, tuple(records), store.flows(), tuple(store.read(records[-number:])))

    def is_deployed(self, references: References) -> bool:
        """Whether anything that is deployed or runs names what one of the newest deployments brought.

        After a deploy that failed it may be none that the last one brought.
        """
        return any(references.has_object(url) for url in self.objects)

    @cached_property
    def objects(self) -> frozenset[str]:
        """`s3://bucket/key` of all that the flows of the newest deployments download."""
        return frozenset(url for each in self.newest for url in self._objects(each))

    def files(self, superseded: bool) -> Iterator[Leftover]:
        """The history's own objects, or of these the superseded ones alone."""
        numbers = {each.number for each in self.newest} if superseded else set()
        digests = {flow.digest for each in self.newest for flow in each.kept.flows} if superseded else set()
        for record in self.records:
            if record.number not in numbers:
                yield Leftover("deployment", f"s3://{self.bucket}/{record.key}", "", record.size)
        for digest, (key, size) in self.compiled.items():
            if digest not in digests:
                yield Leftover("compiled-flow", f"s3://{self.bucket}/{key}", "", size)

    def _objects(self, deployment: Numbered) -> Iterator[str]:
        for flow in deployment.kept.flows:
            yield from (f"{self.root}/{key}" for key in flow.objects)
