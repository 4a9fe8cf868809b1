"""What deploys of a stack left behind and nothing refers to any more.

A deploy keeps superseded job definitions and datastore objects, because an execution keeps the definition that it
began with. They are found by their tags (project and stack), also after a `destroy`; what neither a deployed
definition nor that of a running execution names can go, but for what `flowinfra rollback` needs of the newest
deployments. What counts is bucket and key: equal bytes have one digest everywhere. Definitions of every state machine
of the account and region count, since stacks that share a datastore share objects; where flows run on Argo, so do all
WorkflowTemplates and Workflows of the cluster, and where they run on Airflow, the objects that the states of the
project's stacks have: what a DAG names is there as long as the DAG is. As long as these cannot be asked, all objects
stay. Airflow's runs are not asked: what belongs to a flow on Airflow stays for some days after the flow's last deploy.
Do not collect while a deploy of the stack is under way: what it has uploaded is not referred to yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.clouds.kubernetes import Cluster
from flowinfra.components.names import (
    DATASTORE_TAG,
    FLOW_TAG,
    KIND_TAG,
    PROJECT_LABEL,
    PROJECT_TAG,
    STACK_LABEL,
    STACK_TAG,
    TARGET_TAG,
    label_value,
)
from flowinfra.engine.state import deployed_objects
from flowinfra.errors import ClusterError, ConfigError, StateError, ToolError
from flowinfra.operate.history import DEPLOYMENTS, History
from flowinfra.operate.leftover import FOR_RESUME, Kind, Leftover
from flowinfra.operate.references import References

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

_OBJECTS: dict[str, Kind] = {
    "package": "package",
    "include-file": "include-file",
    "command": "command",
    "environment": "environment",
}
"""Tag's value → kind of object."""

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
class Collection:
    """What can go, and what nothing refers to but stays."""

    remove: tuple[Leftover, ...]
    kept: tuple[Leftover, ...] = ()
    """Objects without a reference that stay because the flow has runs, which may be resumed."""
    recent: tuple[Leftover, ...] = ()
    """Objects without a reference that stay because their flow was deployed to Airflow not long ago."""
    rollback: tuple[Leftover, ...] = ()
    """Objects without a reference that stay because a deployment that is kept has them."""
    unknown: str = ""
    """Why all objects stay: a cluster, or the states of the project's stacks, could not be asked."""
    destroyed: bool = False
    """Nothing of the stack is deployed any more: what its runs need to be resumed goes too, unless asked."""


@dataclass(frozen=True)
class Scope:
    """Which stack's leftovers are collected."""

    project: str
    stack: str
    datastores: tuple[str, ...] = ()
    """`s3://bucket/prefix` of datastores to look through as a whole, beside what the job definitions name."""
    with_packages: bool = False
    """Also what runs may need to be resumed, while the stack is deployed."""
    keep_packages: bool = False
    """Nothing that runs may need to be resumed, also after the stack was destroyed."""
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
    deployments: int = DEPLOYMENTS
    """How many deployments stay for `flowinfra rollback`, the present one included, while the stack is deployed."""

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether something with these tags is this stack's."""
        return tags.get(PROJECT_TAG) == self.project and tags.get(STACK_TAG) == self.stack

    def labels(self, text: str) -> bool:
        """Whether an object of Kubernetes, as JSON, is this stack's."""
        labels = (json.loads(text).get("metadata") or {}).get("labels") or {}
        own = (label_value(self.project), label_value(self.stack))
        return (labels.get(PROJECT_LABEL), labels.get(STACK_LABEL)) == own


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
        s3 = session.client("s3")
        references = _references(session.client("stepfunctions"))
        # after the definitions, which are made last
        jobs = list(_job_definitions(session))
        for job in jobs:
            # what its jobs download is named in a job definition alone
            if references.has_job(job.leftover.name):
                references.add(job.text)
        own = [job for job in jobs if scope.owns(job.tags)]
        gone = [job.leftover for job in own if not references.has_job(job.leftover.name)]
        objects = _found(s3, scope, jobs)
        for found in (each.leftover for each in objects):
            # a deployed command names the package that it unpacks
            if found.kind == "command" and references.has_object(found.name):
                references.add(_content(s3, found))
        elsewhere = _ask_elsewhere(references, scope, {each.leftover.target for each in objects})
        destroyed = len(gone) == len(own) and not elsewhere.deployed and bool(own or elsewhere.asked)
        free = [each for each in objects if not (elsewhere.unknown or _named(references, each.leftover))]
        histories = _histories(s3, scope, own)
        sure = elsewhere.unknown or len(gone) < len(own)
        live = [each for each in histories if not destroyed and (sure or each.is_deployed(references))]
        rollback = {url for each in live for url in each.objects}
        keeps = scope.keep_packages or not (scope.with_packages or destroyed)
        homes = {home for each in free for home in each.part.homes}
        runs = {home for home in homes if keeps and _has_runs(s3, home)}
    fresh = _fresh(objects, scope.airflow_days)
    named = [each for each in free if each.leftover.name in rollback]
    free = [each for each in free if each not in named]
    kept = [each for each in free if each.leftover.kind in FOR_RESUME and runs & set(each.part.homes)]
    recent = [each for each in free if each not in kept and fresh & set(each.part.homes)]
    gone += [each.leftover for each in free if each not in kept and each not in recent]
    gone += [file for each in histories for file in each.files(superseded=each in live)]
    return Collection(
        tuple(gone), _leftovers(kept), _leftovers(recent), _leftovers(named), elsewhere.unknown, destroyed
    )


def _histories(s3: S3Client, scope: Scope, own: Iterable[_Job]) -> list[History]:
    """What each of the stack's datastores keeps of its deployments."""
    roots = {*scope.datastores, *(_root(job.tags[DATASTORE_TAG]) for job in own if DATASTORE_TAG in job.tags)}
    return [History.of(s3, root, scope.project, scope.stack, scope.deployments) for root in sorted(roots)]


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


def _references(states: SFNClient) -> References:
    references = References()
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


def _named(references: References, leftover: Leftover) -> bool:
    if leftover.kind == "environment":
        # named inside code packages only: needed as long as anything is deployed to this datastore
        return references.has_folder(leftover.name.partition("/conda/")[0])
    return references.has_object(leftover.name)


@dataclass(frozen=True)
class _Elsewhere:
    """What flows outside of Step Functions came to."""

    unknown: str = ""
    """Why it is not known what they name."""
    asked: bool = False
    deployed: bool = False
    """The stack has flows there, as far as can be told."""


def _ask_elsewhere(references: References, scope: Scope, targets: Iterable[str]) -> _Elsewhere:
    """Note what WorkflowTemplates, Workflows and DAGs name."""
    unknown: list[str] = []
    asked = deployed = False
    if scope.on_argo or _ARGO in targets:
        asked = True
        try:
            texts = Cluster(scope.kubeconfig, scope.context).texts(_ARGO_OBJECTS)
        except ClusterError as error:
            unknown.append(str(error))
        else:
            for text in texts:
                references.add(text)
            deployed = any(scope.labels(text) for text in texts)
    if scope.on_airflow or _AIRFLOW in targets:
        # a state does not say whether its DAGs still run
        asked = deployed = True
        try:
            references.add_objects(deployed_objects(scope.folder, scope.project))
        except (StateError, ToolError) as error:
            unknown.append(f"what DAGs of the project {scope.project!r} name is not known: {error}")
    return _Elsewhere("; ".join(unknown), asked, deployed)


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


def _leftovers(found: Iterable[_Found]) -> tuple[Leftover, ...]:
    return tuple(each.leftover for each in found)


def _parts(home: str) -> list[_Part]:
    root, _, flow = home.rpartition("/")
    return [_Part(f"{home}/data", (home,)), _Part(f"{root}/data/{flow}", (home,))]


def _root(home: str) -> str:
    return home.rpartition("/")[0]


def _found(s3: S3Client, scope: Scope, jobs: Iterable[_Job]) -> list[_Found]:
    """All of the stack's objects, where its job definitions and the scope say.

    What two stacks share has the tags of the one that was deployed last. If that one is gone, job definitions
    included, the object is this stack's, in the folders of flows that this stack had.
    """
    own = {job.tags[DATASTORE_TAG] for job in jobs if scope.owns(job.tags) and DATASTORE_TAG in job.tags}
    there = {job.tags.get(STACK_TAG) for job in jobs if job.tags.get(PROJECT_TAG) == scope.project}
    homes = own | {home for root in scope.datastores for home in _homes(s3, root)}

    def inherits(tags: Mapping[str, str]) -> bool:
        return tags.get(PROJECT_TAG) == scope.project and STACK_TAG in tags and tags[STACK_TAG] not in there

    parts = [part for home in sorted(homes) for part in _parts(home)]
    parts += [_Part(f"{root}/conda", tuple(sorted(homes))) for root in sorted({_root(home) for home in homes})]
    return [
        _Found(part, leftover, written)
        for part in parts
        for tags, leftover, written in _objects(s3, part.folder)
        if scope.owns(tags) or (own.issuperset(part.homes) and not leftover.target and inherits(tags))
    ]


def _objects(s3: S3Client, folder: str) -> list[tuple[Mapping[str, str], Leftover, datetime]]:
    """Objects of deploys in a folder, and when each was written: by checksum from the listing, then by their tags."""
    bucket, prefix = _split(folder)
    listed = [
        (entry["Key"], entry["Size"], entry["LastModified"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        for entry in page.get("Contents", [])
        if _CHECKSUM in entry.get("ChecksumAlgorithm", [])
    ]

    def tagged(entry: tuple[str, int, datetime]) -> tuple[Mapping[str, str], Leftover, datetime] | None:
        key, size, written = entry
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
        kind = _OBJECTS.get(tags.get(KIND_TAG, ""))
        target = tags.get(TARGET_TAG, "")
        if kind is None or target not in ("", _ARGO, _AIRFLOW):
            return None
        return tags, Leftover(kind, f"s3://{bucket}/{key}", tags.get(FLOW_TAG, ""), size, target), written

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
