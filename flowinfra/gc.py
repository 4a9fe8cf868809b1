"""What deploys of a stack left behind and nothing refers to any more.

A deploy keeps superseded job definitions and datastore objects, because an execution keeps the definition that it
began with. They are found by their tags (project and stack), also after a `destroy`; what neither a deployed
definition nor that of a running execution names can go. Definitions of every state machine of the account and region
count, since stacks that share a datastore share objects; where flows run on Argo, so do all WorkflowTemplates and
Workflows of the cluster, and as long as it cannot be asked, all objects stay. Objects of flows on Airflow, which
nothing here knows the references of, stay always. Do not collect while a deploy of the stack is under way: what it has
uploaded is not referred to yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.cluster import Cluster
from flowinfra.components.names import DATASTORE_TAG, FLOW_TAG, KIND_TAG, PROJECT_TAG, STACK_TAG, TARGET_TAG
from flowinfra.errors import ClusterError, ConfigError, ToolError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

Kind = Literal["job-definition", "package", "include-file", "command", "environment"]

FOR_RESUME = {"package", "include-file", "environment"}
"""Kinds of objects that a run needs again when it is resumed."""

_OBJECTS: dict[str, Kind] = {
    "package": "package",
    "include-file": "include-file",
    "command": "command",
    "environment": "environment",
}
"""Tag's value → kind of object."""

_DIGEST = re.compile(r"[0-9a-f]{40}")
_CHECKSUM = "SHA256"
"""Of our objects, as a listing tells it; artifacts that tasks write have another."""
_RUNS = ("sfn-", "argo-")
"""What ids of runs begin with."""
_ARGO = "argo"
_ARGO_OBJECTS = ("workflowtemplates", "workflows")
"""Where flows on Argo name objects; a workflow has the template that it began with in its status."""
_OWNED = '"metaflow.owner"'
"""In every definition that Metaflow or flowinfra deployed."""


@dataclass(frozen=True)
class Leftover:
    """Something that a deploy of the stack left."""

    kind: Kind
    name: str
    """`name:revision` of a job definition, `s3://bucket/key` of an object."""
    flow: str
    """Its state machine."""
    size: int = 0
    """Bytes of an object."""
    target: str = ""
    """Of an object that flows elsewhere than in AWS may refer to: `argo`."""


@dataclass(frozen=True)
class Collection:
    """What can go, and what nothing refers to but stays."""

    remove: tuple[Leftover, ...]
    kept: tuple[Leftover, ...] = ()
    """Objects without a reference that stay because the flow has runs, which may be resumed."""
    unknown: str = ""
    """Why the objects of flows on Argo, and all others, stay: the cluster could not be asked."""


@dataclass(frozen=True)
class Scope:
    """Which stack's leftovers are collected."""

    project: str
    stack: str
    datastores: tuple[str, ...] = ()
    """`s3://bucket/prefix` of datastores to look through as a whole, beside what the job definitions name."""
    with_packages: bool = False
    """Also what runs may need to be resumed."""
    on_argo: bool = False
    """The stack's platform has a namespace of Kubernetes: the cluster is asked even if no object says so."""
    kubeconfig: str | None = None
    """Of that cluster, path or text; None for KUBECONFIG or ~/.kube/config."""
    context: str | None = None
    """Of the kubeconfig; None for its current one."""

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether something with these tags is this stack's."""
        return tags.get(PROJECT_TAG) == self.project and tags.get(STACK_TAG) == self.stack


@dataclass
class _References:
    """What definitions that are deployed or running name."""

    definitions: list[str] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)

    def add(self, text: str) -> None:
        self.definitions.append(text)
        self.digests.update(_DIGEST.findall(text))

    def name(self, leftover: Leftover) -> bool:
        if leftover.kind == "job-definition":
            return any(f'"{leftover.name}"' in text for text in self.definitions)
        if leftover.kind == "environment":
            # named inside code packages only: needed as long as anything is deployed to this datastore
            root = leftover.name.partition("/conda/")[0]
            return any(f"{root}/" in text for text in self.definitions)
        return leftover.name.rsplit("/", 1)[-1] in self.digests


def collect(scope: Scope, session: boto3.Session | None = None) -> Collection:
    """Find what can go; changes nothing.

    Raises:
        ToolError: AWS refused a call; what is referred to cannot be known then, so nothing can go.
    """
    session = session or boto3.Session()
    with _told():
        s3, states = session.client("s3"), session.client("stepfunctions")
        revisions, homes = _job_definitions(session, scope)
        references = _references(states)
        homes.update(home for root in scope.datastores for home in _homes(s3, root))
        parts = [part for home in sorted(homes) for part in _parts(home)]
        parts += [_Part(f"{root}/conda", tuple(sorted(homes))) for root in sorted({_root(home) for home in homes})]
        objects = [(part, found) for part in parts for found in _objects(s3, part.folder, scope)]
        for _, found in objects:
            # a deployed command names the package that it unpacks
            if found.kind == "command" and references.name(found):
                references.digests.update(_DIGEST.findall(_content(s3, found)))
        unknown = ""
        if scope.on_argo or any(found.target == _ARGO for _, found in objects):
            unknown = _add_argo(references, scope)
        gone = [revision for revision in revisions if not references.name(revision)]
        kept: list[Leftover] = []
        runs = {home: not scope.with_packages and _has_runs(s3, home) for home in homes}
        for part, found in objects:
            if not references.name(found) and not unknown:
                resumable = found.kind in FOR_RESUME and any(runs[home] for home in part.homes)
                (kept if resumable else gone).append(found)
    return Collection(tuple(gone), tuple(kept), unknown)


def remove(leftovers: Iterable[Leftover], session: boto3.Session | None = None) -> Iterator[Leftover]:
    """Remove what `collect` found, yielding each as it is gone.

    Raises:
        ToolError: AWS refused; what was yielded is gone, the rest is still there.
    """
    session = session or boto3.Session()
    with _told():
        batch, s3 = session.client("batch"), session.client("s3")
        for leftover in leftovers:
            if leftover.kind == "job-definition":
                batch.deregister_job_definition(jobDefinition=leftover.name)
            else:
                bucket, key = _split(leftover.name)
                s3.delete_object(Bucket=bucket, Key=key)
            yield leftover


def _job_definitions(session: boto3.Session, scope: Scope) -> tuple[list[Leftover], set[str]]:
    """Active revisions of the stack, and the flows' parts of the datastore that they name."""
    revisions: list[Leftover] = []
    homes: set[str] = set()
    for page in session.client("batch").get_paginator("describe_job_definitions").paginate(status="ACTIVE"):
        for definition in page["jobDefinitions"]:
            tags = definition.get("tags", {})
            if scope.owns(tags):
                name = f"{definition['jobDefinitionName']}:{definition['revision']}"
                revisions.append(Leftover("job-definition", name, tags.get(FLOW_TAG, "")))
                if DATASTORE_TAG in tags:
                    homes.add(tags[DATASTORE_TAG])
    return revisions, homes


def _references(states: SFNClient) -> _References:
    references = _References()
    for page in states.get_paginator("list_state_machines").paginate():
        for machine in page["stateMachines"]:
            arn = machine["stateMachineArn"]
            definition = states.describe_state_machine(stateMachineArn=arn)["definition"]
            if _OWNED not in definition:
                continue
            references.add(definition)
            running = states.get_paginator("list_executions").paginate(stateMachineArn=arn, statusFilter="RUNNING")
            for executions in running:
                for execution in executions["executions"]:
                    begun = states.describe_state_machine_for_execution(executionArn=execution["executionArn"])
                    references.add(begun["definition"])
    return references


def _add_argo(references: _References, scope: Scope) -> str:
    """Note what WorkflowTemplates and Workflows name; why that is not known, or an empty text."""
    try:
        texts = Cluster(scope.kubeconfig, scope.context).texts(_ARGO_OBJECTS)
    except ClusterError as error:
        return str(error)
    for text in texts:
        references.add(text)
    return ""


def _homes(s3: S3Client, root: str) -> Iterator[str]:
    """Every flow's part of a datastore."""
    bucket, prefix = _split(root)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/"):
        for entry in page.get("CommonPrefixes", []):
            yield f"s3://{bucket}/{entry['Prefix'].rstrip('/')}"


@dataclass(frozen=True)
class _Part:
    """A folder of a datastore with objects of deploys."""

    folder: str
    homes: tuple[str, ...]
    """The flows whose runs may need them."""


def _parts(home: str) -> list[_Part]:
    root, _, flow = home.rpartition("/")
    return [_Part(f"{home}/data", (home,)), _Part(f"{root}/data/{flow}", (home,))]


def _root(home: str) -> str:
    return home.rpartition("/")[0]


def _objects(s3: S3Client, folder: str, scope: Scope) -> list[Leftover]:
    """The stack's objects in a folder: by checksum from the listing, then by their tags."""
    bucket, prefix = _split(folder)
    listed = [
        (entry["Key"], entry["Size"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        for entry in page.get("Contents", [])
        if _CHECKSUM in entry.get("ChecksumAlgorithm", [])
    ]

    def tagged(entry: tuple[str, int]) -> Leftover | None:
        key, size = entry
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
        kind = _OBJECTS.get(tags.get(KIND_TAG, ""))
        target = tags.get(TARGET_TAG, "")
        if not scope.owns(tags) or kind is None or target not in ("", _ARGO):
            return None
        return Leftover(kind, f"s3://{bucket}/{key}", tags.get(FLOW_TAG, ""), size, target)

    with ThreadPoolExecutor(8) as pool:
        return [found for found in pool.map(tagged, listed) if found is not None]


def _content(s3: S3Client, leftover: Leftover) -> str:
    bucket, key = _split(leftover.name)
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode(errors="replace")


def _has_runs(s3: S3Client, home: str) -> bool:
    bucket, prefix = _split(home)
    folders = (f"{prefix}/{run}" for run in _RUNS)
    return any(s3.list_objects_v2(Bucket=bucket, Prefix=each, MaxKeys=1)["KeyCount"] > 0 for each in folders)


def _split(url: str) -> tuple[str, str]:
    """`s3://bucket/key` → bucket and key."""
    parts = urlsplit(url)
    key = parts.path.strip("/")
    if parts.scheme != "s3" or not parts.netloc or not key:
        raise ConfigError(f"{url!r} is no datastore, allowed: s3://BUCKET/PREFIX")
    return parts.netloc, key


@contextmanager
def _told() -> Iterator[None]:
    """AWS's errors as one message."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ToolError(f"AWS refused: {error}") from error
