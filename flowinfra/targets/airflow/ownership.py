"""Refuses a place of a DAG file, or of Metaflow's record of its owner, that has somebody else's.

What carries this stack's tags, labels or production token is its own, such as the file of a deploy that was killed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import pulumi
from pulumi.runtime.invoke import invoke_async

from flowinfra.components.creation import Making
from flowinfra.components.names import DAG_FILE, OWNER_RECORD, PROJECT_TAG, STACK_TAG
from flowinfra.components.ownership import LABELS, before_create, in_thread, refuse
from flowinfra.components.preview_cluster import named_cluster, warn_once
from flowinfra.errors import ClusterError, ConfigError
from flowinfra.targets.airflow.needs import needs
from flowinfra.targets.airflow.plan import AirflowPlan
from flowinfra.targets.airflow.platform import AirflowPlatform, DagBucket, DagConfigMaps, DagFolder

_TAGS = (PROJECT_TAG, STACK_TAG)
_NO_BUCKET = "NoSuchBucket"
_OTHER_DAGS, _OTHER_PREFIX = "other `dags`", "another `prefix`"

_Making = Making[AirflowPlan, AirflowPlatform]


def dag_not_taken(making: _Making) -> pulumi.ResourceHookBinding | None:
    """The hook for a DAG file's resource; None for Pulumi's mocks, which have no hooks."""

    async def look(inputs: Mapping[str, Any]) -> None:
        dags = making.platform.dags
        if isinstance(dags, DagBucket):
            await look_in_bucket(making, inputs, "{}", _OTHER_DAGS)
        elif isinstance(dags, DagConfigMaps):
            await in_thread(look_in_cluster, making.plan, dags)
        else:
            look_in_folder(making.plan, dags)
        if pulumi.runtime.is_dry_run():
            for words in needs(making.plan.compiled):
                pulumi.log.info(words)

    return before_create(f"{making.name}{DAG_FILE}", look)


def record_not_taken(making: _Making) -> pulumi.ResourceHookBinding | None:
    """The hook for the record's resource; None for Pulumi's mocks, and where the datastore cannot be asked."""

    async def look(inputs: Mapping[str, Any]) -> None:
        await look_in_bucket(making, inputs, "Metaflow's record of the DAG's owner, {},", _OTHER_PREFIX)

    return before_create(f"{making.name}{OWNER_RECORD}", look) if making.platform.datastore == "s3" else None


def account_not_taken(making: _Making) -> pulumi.ResourceHookBinding | None:
    """The hook for a service account; None where the cluster is not to be asked, and for Pulumi's mocks."""

    async def look(inputs: Mapping[str, Any]) -> None:
        await in_thread(look_for_account, making.plan, inputs)

    return before_create(f"{making.name}-pods-account", look) if making.platform.check_cluster else None


def look_for_account(plan: AirflowPlan, inputs: Mapping[str, Any]) -> None:
    """Raise ConfigError where the cluster has a service account of that name without this stack's labels.

    A cluster that cannot be asked is a ClusterError of `up`, and a warning of a preview.
    """
    namespace, name = inputs["metadata"].get("namespace"), inputs["metadata"].get("name")
    if not isinstance(namespace, str) or not isinstance(name, str):
        return  # it is being made; `up` looks again
    try:
        there = named_cluster().of_that_name("v1", "ServiceAccount", namespace, name)
    except ClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        warn_once(f"{error}. Whether there is a service account of somebody else's is not checked by this preview")
        return
    if there is not None:
        remove = f"kubectl delete serviceaccount -n {namespace} {name}"
        own = plan.names.labels
        refuse(f"ServiceAccount {namespace}/{name}", there.labels, own, LABELS, remove, "another `namespace`")


async def look_in_bucket(making: _Making, inputs: Mapping[str, Any], words: str, other: str) -> None:
    """Raise ConfigError where S3 has an object in a resource's place without this stack's tags or content.

    Args:
        making: whose it is to be.
        inputs: of the resource that is about to be made.
        words: what is there, in words, with `{}` for its URL.
        other: what the platform may be given for another place.
    """
    bucket, key = inputs.get("bucket"), inputs.get("key")
    if not isinstance(bucket, str) or not isinstance(key, str):
        return  # it is being made; `up` looks again
    url, parent = f"s3://{bucket}/{key}", making.child.parent
    try:
        # of all keys that begin so, the key itself is the first
        listed = await _asked("getObjects", {"bucket": bucket, "prefix": key, "maxKeys": 1}, parent)
        if key not in (listed.get("keys") or ()):
            return
        found = await _asked("getObject", {"bucket": bucket, "key": key}, parent)
    except Exception as error:
        if _NO_BUCKET in str(error):
            if pulumi.runtime.is_dry_run():
                warn_once(f"there is no bucket {bucket} yet; `up` needs it: make it, or name the one that is there")
            return
        raise ConfigError(f"{url}: whether it is there, and whose it is, cannot be known: {error}") from None
    if not same_content(inputs.get("content"), found.get("etag")):
        refuse(words.format(url), found.get("tags") or {}, making.plan.tags, _TAGS, f"aws s3 rm {url}", other)


def same_content(text: object, etag: object) -> bool:
    """Whether an object of S3 holds this text, by its ETag; False where that is not its MD5 (KMS, several parts).

    A copy of what the stack would make has its owner and production token, though it lost its tags.
    """
    return isinstance(text, str) and hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() == etag


async def _asked(function: str, inputs: dict[str, Any], parent: pulumi.Resource | None) -> Mapping[str, Any]:
    """What S3 answers. A failure of pulumi-aws's own function would end the program with a traceback, though caught."""
    options = pulumi.InvokeOptions(parent=parent, version=version("pulumi-aws"))
    answer: Mapping[str, Any] = await invoke_async(f"aws:s3/{function}:{function}", inputs, options)
    return answer


def look_in_cluster(plan: AirflowPlan, dags: DagConfigMaps) -> None:
    """Raise ConfigError where the cluster has a ConfigMap of that name without this stack's labels, or no namespace.

    A cluster that cannot be asked is a ClusterError of `up`, and a warning of a preview.
    """
    if not dags.check_cluster:
        return
    name = plan.config_map(dags.namespace, "")["metadata"]["name"]
    try:
        cluster = named_cluster()
        there = cluster.of_that_name("v1", "ConfigMap", dags.namespace, name)
        lacks_namespace = there is None and not cluster.has_namespace(dags.namespace)
    except ClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        warn_once(f"{error}. Whether there is a ConfigMap of somebody else's is not checked by this preview")
        return
    if lacks_namespace:
        raise ConfigError(
            f"the cluster has no namespace {dags.namespace!r} for DAG files: make it (`kubectl create namespace "
            f"{dags.namespace}`), or give the platform that of Airflow"
        )
    if there is not None:
        remove = f"kubectl delete configmap -n {dags.namespace} {name}"
        refuse(f"ConfigMap {dags.namespace}/{name}", there.labels, plan.names.labels, LABELS, remove, _OTHER_DAGS)


def look_in_folder(plan: AirflowPlan, dags: DagFolder) -> None:
    """Raise ConfigError where the folder has a file of that name without this stack's production token.

    A folder that is not there is an error of `up`, and a warning of a preview, which may run on another machine.
    """
    path = str(PurePosixPath(dags.path) / plan.file_name)
    try:
        if plan.token in Path(path).read_text(encoding="utf-8", errors="replace"):
            return
    except FileNotFoundError:
        if not Path(dags.path).is_dir():
            missing = f"there is no folder {dags.path} for DAGs on this machine; `up` needs it: make it, or mount it"
            if not pulumi.runtime.is_dry_run():
                raise ConfigError(missing) from None
            warn_once(missing)
        return
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}), so it is not replaced by a DAG") from None
    refuse(path, {}, {}, (), f"rm {path}", _OTHER_DAGS)
