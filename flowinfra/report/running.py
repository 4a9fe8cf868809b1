"""How many executions of a state machine run at this moment: the only question to AWS that a report asks, if it may."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.errors import ToolError
from flowinfra.report.risk import MOST_RUNNING

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_ARN = re.compile(r"arn:aws[a-z-]*:states:([a-z0-9-]+):[0-9]{12}:stateMachine:[A-Za-z0-9_.-]{1,80}")


def running_executions(arn: str) -> int:
    """Ask AWS; 0 for what is no state machine, or is gone.

    Raises:
        ToolError: AWS refused.
    """
    match = _ARN.fullmatch(arn)
    if match is None:
        return 0
    try:
        states = _client(match[1])
        listed = states.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=MOST_RUNNING)
        return len(listed["executions"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "StateMachineDoesNotExist":
            return 0
        raise ToolError(f"{arn}: its executions cannot be listed: {error}") from None
    except BotoCoreError as error:
        raise ToolError(f"{arn}: its executions cannot be listed: {error}") from None


@cache
def _client(region: str) -> SFNClient:
    return boto3.Session(region_name=region).client("stepfunctions")
