"""How many runs of a flow go on at this moment: the only question that a report asks AWS and Kubernetes, if it may.

Which cluster is asked is the user's own word (KUBECONFIG, ~/.kube/config): a preview, which may be anybody's, only says
which context of it. A kubeconfig can name programs to run, so none is taken from a preview.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.clouds.aws import Access, refuse_other_account
from flowinfra.clouds.kubernetes import Cluster
from flowinfra.errors import ToolError
from flowinfra.report.risk import MOST_RUNNING, Starter

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_ARN = re.compile(r"arn:aws[a-z-]*:states:([a-z0-9-]+):[0-9]{12}:stateMachine:[A-Za-z0-9_.-]{1,80}")
_TEMPLATE = re.compile(r"([a-z0-9][a-z0-9-]{0,62})/([a-z0-9][a-z0-9.-]{0,252})")


def running(starter: Starter) -> int:
    """Count the running executions of whatever starts a flow's runs; 0 for anything else, and for what is gone.

    Raises:
        ToolError: AWS refused.
        ClusterError: the cluster cannot be asked, or refused.
    """
    if starter.kind == "state machine":
        return running_executions(starter.id, starter.aws)
    return running_workflows(starter.id, starter.context)


def running_workflows(template: str, context: str | None) -> int:
    """Count the running workflows of `namespace/name`; 0 for anything but a WorkflowTemplate, or if it is gone.

    Raises:
        ClusterError: the cluster cannot be asked, or refused.
    """
    match = _TEMPLATE.fullmatch(template)
    if match is None:
        return 0
    return min(MOST_RUNNING, len(_cluster(context).running_workflows(match[1], [match[2]])))


def running_executions(arn: str, aws: tuple[tuple[str, str], ...] = ()) -> int:
    """Count the running executions of an ARN; 0 for anything but a state machine, or if it is gone.

    Args:
        arn: of the state machine.
        aws: configuration of the stack that says how its account is reached.

    Raises:
        ToolError: AWS refused, or the credentials are of another account.
    """
    match = _ARN.fullmatch(arn)
    if match is None:
        return 0
    try:
        states = _client(match[1], arn.split(":")[4], aws)
        listed = states.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=MOST_RUNNING)
        return len(listed["executions"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "StateMachineDoesNotExist":
            return 0
        raise ToolError(f"{arn}: its executions cannot be listed: {error}") from None
    except BotoCoreError as error:
        raise ToolError(f"{arn}: its executions cannot be listed: {error}") from None


@cache
def _client(region: str, account: str, aws: tuple[tuple[str, str], ...]) -> SFNClient:
    session = Access.of(dict(aws)).session(region)
    refuse_other_account(session, [account], "a stack of the previews")
    client: SFNClient = session.client("stepfunctions")
    return client


@cache
def _cluster(context: str | None) -> Cluster:
    return Cluster(context=context)
