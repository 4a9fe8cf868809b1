"""Events as AWS' services send them: the envelope, and what Step Functions and S3 put into it."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from flowinfra.local import identity

_MOST_BYTES = 248 * 1024
"""Escaped input and output together, of an event of Step Functions: beyond that, they are left out."""


def envelope(
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    resources: Sequence[str] = (),
    moment: datetime | None = None,
) -> dict[str, Any]:
    """An event (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html)."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": identity.ACCOUNT,
        "time": second(moment or datetime.now(timezone.utc)),
        "region": identity.REGION,
        "resources": list(resources),
        "detail": detail,
    }


def second(moment: datetime) -> str:
    """A time as events have it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def execution_changed(execution: Any, status: str) -> dict[str, Any]:
    """The event of an execution that has begun or ended.

    https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html: `detail` is what
    DescribeExecution answers with, its dates in milliseconds, and null for what there is not.
    """
    ended = status != "RUNNING"
    given = execution.execution_input or "{}"
    output = json.dumps(execution.output) if status == "SUCCEEDED" else None
    sizes = [len(json.dumps(text)) for text in (given, output or "")]
    with_output = output is not None and sizes[1] <= _MOST_BYTES
    with_input = sum(sizes) <= _MOST_BYTES
    again = status in ("FAILED", "TIMED_OUT", "ABORTED")
    reason = None if again else f"Execution is {status} and cannot be redriven"
    detail = {
        "executionArn": execution.execution_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": status,
        "startDate": _milliseconds(execution.start_date),
        "stopDate": _milliseconds(execution.stop_date) if ended else None,
        "input": given if with_input else None,
        "inputDetails": {"included": with_input},
        "output": output if with_output else None,
        "outputDetails": None if output is None else {"included": with_output},
        "error": execution.error if ended else None,
        "cause": execution.cause if ended else None,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "REDRIVABLE" if again else "NOT_REDRIVABLE",
        "redriveStatusReason": reason,
    }
    return envelope("aws.states", "Step Functions Execution Status Change", detail, [execution.execution_arn])


def object_changed(detail_type: str, bucket: Any, key: Any, more: Mapping[str, str]) -> dict[str, Any]:
    """The event of an object (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html)."""
    about = {"key": key.name}
    if detail_type != "Object Deleted":
        about["size"] = key.size
    about["etag"] = key.etag.strip('"')
    if bucket.is_versioned:
        about["version-id"] = key.version_id
    about["sequencer"] = f"{time.time_ns():018X}"
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": about,
        "request-id": secrets.token_hex(8).upper(),
        "requester": identity.ACCOUNT,
        "source-ip-address": "127.0.0.1",
        **more,
    }
    return envelope("aws.s3", detail_type, detail, [bucket.arn])


def _milliseconds(moment: Any) -> int | None:
    if moment is None:
        return None
    return int((datetime.fromisoformat(moment) if isinstance(moment, str) else moment).timestamp() * 1000)
