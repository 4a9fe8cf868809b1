"""What a preview stack leaves beside its resources: running executions, and what its runs wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.components.names import STATE_MACHINES
from flowinfra.errors import ConfigError, ToolError
from flowinfra.operate.gc import Scope, collect, remove
from flowinfra.operate.preview_stacks.names import FOLDER, Mark, Preview


def stop_executions(resources: Iterable[Mapping[str, Any]], session: boto3.Session, why: str) -> int:
    """Stop what runs, and say how many: jobs would go on and write to the datastore after all is gone.

    Args:
        resources: of the stack's state.
        session: of the stack's account and region.
        why: what a person reads in the execution's history.

    Raises:
        ToolError: AWS refused.
    """
    arns = [item["id"] for item in resources if item["type"] in STATE_MACHINES]
    if not arns:
        return 0
    stopped = 0
    with _told():
        states = session.client("stepfunctions")
        for arn in arns:
            try:
                pages = states.get_paginator("list_executions").paginate(stateMachineArn=arn, statusFilter="RUNNING")
                running = [entry["executionArn"] for page in pages for entry in page["executions"]]
            except states.exceptions.StateMachineDoesNotExist:
                continue  # gone by other means
            for execution in running:
                states.stop_execution(executionArn=execution, cause=why)
                stopped += 1
    return stopped


def clear(project: str, preview: Preview, mark: Mark, session: boto3.Session) -> tuple[int, int]:
    """Remove retained job definitions, and the stack's folder of the datastore; returns how many of both.

    Raises:
        ConfigError: the mark's datastore is not a folder of this stack.
        ToolError: AWS refused; the rest is still there.
    """
    bucket, _, prefix = mark.datastore.removeprefix("s3://").partition("/")
    if not prefix.endswith(f"/{FOLDER}/{preview.stack}"):
        raise ConfigError(
            f"{mark.datastore!r} is not the datastore folder of preview stack {preview.stack!r}; nothing was removed"
        )
    found = collect(Scope(project, preview.stack), session)
    definitions = [each for each in found.remove if each.kind == "job-definition"]
    return len(list(remove(definitions, session))), sum(_emptied(bucket, f"{prefix}/", session))


def _emptied(bucket: str, prefix: str, session: boto3.Session) -> Iterator[int]:
    """Delete all objects whose key begins with a prefix, yielding how many are gone."""
    with _told():
        s3 = session.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            keys = [entry["Key"] for entry in page.get("Contents", ())]
            if not keys:
                continue
            done = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True})
            for refused in done.get("Errors", ()):
                raise ToolError(f"AWS refused to delete s3://{bucket}/{refused.get('Key')}: {refused.get('Message')}")
            yield len(keys)


@contextmanager
def _told() -> Iterator[None]:
    """AWS's errors as one message."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ToolError(f"AWS refused: {error}") from error
