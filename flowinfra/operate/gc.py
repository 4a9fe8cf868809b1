"""What deploys of a stack left behind and nothing refers to any more.

A deploy keeps superseded job definitions and datastore objects, because an execution keeps the definition that it
began with. They are found by their tags (project and stack), also after a `destroy`; what neither a deployed
definition nor that of a running execution names can go. Definitions of every state machine of the account and region
count, since stacks that share a datastore share objects; where flows run on Argo, so do all WorkflowTemplates and
Workflows of the cluster, and where they run on Airflow, the objects that the states of the project's stacks have: what
a DAG names is there as long as the DAG is. As long as these cannot be asked, all objects stay. Airflow's runs are not
asked: what belongs to a flow on Airflow stays for some days after the flow's last deploy. Do not collect while a deploy
of the stack is under way: what it has uploaded is not referred to yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.clouds.kubernetes import Cluster
from flowinfra.components.names import DATASTORE_TAG, FLOW_TAG, KIND_TAG, PROJECT_TAG, STACK_TAG, TARGET_TAG
from flowinfra.engine.state import deployed_objects
from flowinfra.errors import ClusterError, ConfigError, StateError, ToolError

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
"""Checksum algorithm of the objects that a deploy writes, as a listing has it; artifacts of tasks have another."""
_RUNS = ("sfn-", "argo-", "airflow-")
"""What ids of runs begin with."""
_ARGO, _AIRFLOW = "argo", "airflow"
AIRFLOW_DAYS = 7.0
"""Default for the days that a flow's objects stay after its last deploy to Airflow."""
_ARGO_OBJECTS = ("workflowtemplates", "workflows")
"""Where flows on Argo name objects; a workflow has the template that it began with in its status."""
_OWNED = '"metaflow.owner"'
"""A text in every definition that Metaflow or flowinfra deployed."""


@dataclass(frozen=True)
class Leftover:
    """Something that a deploy of the stack left."""

    kind: Kind
    name: str
    """`name:revision` of a job definition, `s3://bucket/key` of an object."""
    flow: str
    """Name of the flow's state machine."""
    size: int = 0
    """Bytes of an object."""
    target: str = ""
    """Target outside of AWS whose flows may refer to an object: `argo`, `airflow`."""


@dataclass(frozen=True)
class Collection:
    """What can go, and what nothing refers to but stays."""

    remove: tuple[Leftover, ...]
    kept: tuple[Leftover, ...] = ()
    """Objects without a reference that stay because the flow has runs, which may be resumed."""
    recent: tuple[Leftover, ...] = ()
    """Objects without a reference that stay because their flow was deployed to Airflow not long ago."""
    unknown: str = ""
    """Why all objects stay: a cluster, or the states of the project's stacks, could not be asked."""


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
    """Kubeconfig of that cluster, path or text; None for KUBECONFIG or ~/.kube/config."""
    context: str | None = None
    """Context of the kubeconfig; None for its current one."""
    on_airflow: bool = False
    """The stack's platform has an Airflow: states are asked even if no object says so."""
    airflow_days: float = AIRFLOW_DAYS
    """Days after a flow's last deploy to Airflow for which all of its objects stay."""
    folder: Path = Path()
    """Where Pulumi is run."""

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether something with these tags is this stack's."""
        return tags.get(PROJECT_TAG) == self.project and tags.get(STACK_TAG) == self.stack


@dataclass
class _References:
    """What definitions that are deployed or running name."""

    definitions: list[str] = field(default_factory=list)
    """State machines' definitions, and the job definitions that they name."""
    digests: set[str] = field(default_factory=set)

    def add(self, text: str) -> None:
        self.definitions.append(text)
        self.digests.update(_DIGEST.findall(text))

    def name(self, leftover: Leftover) -> bool:
        if leftover.kind == "job-definition":
            # a definition names what its jobs are made from with or without the revision
            names = (f'"{leftover.name}"', f'"{leftover.name.rpartition(":")[0]}"')
            return any(name in text for text in self.definitions for name in names)
        if leftover.kind == "environment":
            # named inside code packages only: needed as long as anything is deployed to this datastore
            root = leftover.name.partition("/conda/")[0]
            return any(f"{root}/" in text for text in self.definitions)
        return leftover.name.rsplit("/", 1)[-1] in self.digests


def collect(scope: Scope, session: boto3.Session | None = None) -> Collection:
    """Find what can go; changes nothing.

    Raises:
        ConfigError: a datastore that is not in S3.
        ToolError: AWS refused a call; what is referred to cannot be known then, so nothing can go.
    """
    for root in scope.datastores:
        _split(root)
    session = session or boto3.Session()
    with _told():
        s3, states = session.client("s3"), session.client("stepfunctions")
        references = _references(states)
        # after the definitions, which are made last
        jobs = list(_job_definitions(session))
        for job in jobs:
            # what its jobs download is named in a job definition alone
            if references.name(job.leftover):
                references.add(job.text)
        own = [job for job in jobs if scope.owns(job.tags)]
        homes = {job.tags[DATASTORE_TAG] for job in own if DATASTORE_TAG in job.tags}
        homes.update(home for root in scope.datastores for home in _homes(s3, root))
        parts = [part for home in sorted(homes) for part in _parts(home)]
        parts += [_Part(f"{root}/conda", tuple(sorted(homes))) for root in sorted({_root(home) for home in homes})]
        objects = [_Found(part, *each) for part in parts for each in _objects(s3, part.folder, scope)]
        for found in (each.leftover for each in objects):
            # a deployed command names the package that it unpacks
            if found.kind == "command" and references.name(found):
                references.digests.update(_DIGEST.findall(_content(s3, found)))
        targets = {each.leftover.target for each in objects}
        unknown = [
            *(_add_argo(references, scope) if scope.on_argo or _ARGO in targets else ()),
            *(_add_airflow(references, scope) if scope.on_airflow or _AIRFLOW in targets else ()),
        ]
        gone = [job.leftover for job in own if not references.name(job.leftover)]
        kept: list[Leftover] = []
        recent: list[Leftover] = []
        runs = {home: not scope.with_packages and _has_runs(s3, home) for home in homes}
        fresh = _fresh(objects, scope.airflow_days)
        for each in objects:
            if references.name(each.leftover) or unknown:
                continue
            if each.leftover.kind in FOR_RESUME and any(runs[home] for home in each.part.homes):
                kept.append(each.leftover)
            else:
                (recent if fresh & set(each.part.homes) else gone).append(each.leftover)
    return Collection(tuple(gone), tuple(kept), tuple(recent), "; ".join(unknown))


def remove(leftovers: Iterable[Leftover], session: boto3.Session | None = None) -> Iterator[Leftover]:
    """Remove what `collect` found, yielding each once it is gone.

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


@dataclass(frozen=True)
class _Job:
    """An active revision of a job definition."""

    leftover: Leftover
    tags: Mapping[str, str]
    text: str
    """What its jobs are made from."""


def _job_definitions(session: boto3.Session) -> Iterator[_Job]:
    """All of the account, since stacks may share objects."""
    for page in session.client("batch").get_paginator("describe_job_definitions").paginate(status="ACTIVE"):
        for definition in page["jobDefinitions"]:
            tags = definition.get("tags", {})
            name = f"{definition['jobDefinitionName']}:{definition['revision']}"
            text = json.dumps(definition.get("containerProperties", {}))
            yield _Job(Leftover("job-definition", name, tags.get(FLOW_TAG, "")), tags, text)


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


def _add_argo(references: _References, scope: Scope) -> Iterator[str]:
    """Note what WorkflowTemplates and Workflows name; yields why that is not known."""
    try:
        texts = Cluster(scope.kubeconfig, scope.context).texts(_ARGO_OBJECTS)
    except ClusterError as error:
        yield str(error)
    else:
        for text in texts:
            references.add(text)


def _add_airflow(references: _References, scope: Scope) -> Iterator[str]:
    """Note the objects that the project's stacks have, and so their DAGs name; yields why that is not known."""
    try:
        urls = deployed_objects(scope.folder, scope.project)
    except (StateError, ToolError) as error:
        yield f"what DAGs of the project {scope.project!r} name is not known: {error}"
    else:
        references.add("\n".join(urls))


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


@dataclass(frozen=True)
class _Found:
    """An object of the stack's."""

    part: _Part
    leftover: Leftover
    written: datetime


def _fresh(objects: Iterable[_Found], days: float) -> set[str]:
    """Flows, by their part of the datastore, of which a deploy to Airflow wrote something in the last days."""
    since = datetime.now(timezone.utc) - timedelta(days=days)
    lately = [each for each in objects if each.leftover.target == _AIRFLOW and each.written > since]
    return {home for each in lately for home in each.part.homes}


def _parts(home: str) -> list[_Part]:
    root, _, flow = home.rpartition("/")
    return [_Part(f"{home}/data", (home,)), _Part(f"{root}/data/{flow}", (home,))]


def _root(home: str) -> str:
    return home.rpartition("/")[0]


def _objects(s3: S3Client, folder: str, scope: Scope) -> list[tuple[Leftover, datetime]]:
    """The stack's objects in a folder, and when each was written: by checksum from the listing, then by their tags."""
    bucket, prefix = _split(folder)
    listed = [
        (entry["Key"], entry["Size"], entry["LastModified"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        for entry in page.get("Contents", [])
        if _CHECKSUM in entry.get("ChecksumAlgorithm", [])
    ]

    def tagged(entry: tuple[str, int, datetime]) -> tuple[Leftover, datetime] | None:
        key, size, written = entry
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
        kind = _OBJECTS.get(tags.get(KIND_TAG, ""))
        target = tags.get(TARGET_TAG, "")
        if not scope.owns(tags) or kind is None or target not in ("", _ARGO, _AIRFLOW):
            return None
        return Leftover(kind, f"s3://{bucket}/{key}", tags.get(FLOW_TAG, ""), size, target), written

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
        raise ConfigError(f"{url!r} is not a datastore in S3, which is all that gc knows; allowed: s3://BUCKET/PREFIX")
    return parts.netloc, key


@contextmanager
def _told() -> Iterator[None]:
    """AWS's errors as one message."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ToolError(f"AWS refused: {error}") from error
