"""aws:index functions: getCallerIdentity, getRegion, getPartition.

After terraform-provider-aws `internal/service/sts/caller_identity_data_source.go` and
`internal/service/meta/region_data_source.go`, `partition_data_source.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowinfra.local.plugin.cloud import Scope

_SUFFIX = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}


def get_caller_identity(aws: Scope, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Who calls."""
    identity = aws.cloud.identity()
    account = identity["Account"]
    return {"accountId": account, "arn": identity["Arn"], "id": account, "userId": identity["UserId"]}


def get_region(aws: Scope, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The region in use, or the one asked for by `name` or `region`."""
    region = arguments.get("region") or arguments.get("name") or aws.region
    return {
        "description": region,
        "endpoint": f"ec2.{region}.amazonaws.com",
        "id": region,
        "name": region,
        "region": region,
    }


def get_partition(aws: Scope, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The partition in use."""
    suffix = _SUFFIX[aws.partition]
    reverse = ".".join(reversed(suffix.split(".")))
    return {
        "dnsSuffix": suffix,
        "id": aws.partition,
        "partition": aws.partition,
        "reverseDnsPrefix": reverse,
    }
