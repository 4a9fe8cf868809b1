"""Tests of programs with flows in them, by Pulumi's mocks: no engine, no account, no cluster.

`Mocks` is what `pulumi.runtime.set_mocks` of Pulumi's guide of unit tests takes. It answers what flowinfra's components
need, and any other resource of AWS with a name and an ARN:

    >>> import pulumi
    >>> from flowinfra.testing import Mocks
    >>> mocks = Mocks()
    >>> pulumi.runtime.set_mocks(mocks)

`run` runs a function to its end, which Pulumi's decorator does for tests:

    >>> import pulumi_aws
    >>> from flowinfra.testing import run
    >>> made = run(lambda: pulumi_aws.sns.Topic("alerts", display_name="runs"))
    >>> made.one("Topic")
    {'displayName': 'runs'}

Nothing but tests uses this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.stack import run_pulumi_func
from pulumi.runtime.sync_await import _sync_await

from flowinfra.plugin.arns import made_up_arn

__all__ = ["ACCOUNT", "REGION", "Mocks", "Registered", "run"]

ACCOUNT, REGION = "123456789012", "us-east-1"
"""Where resources are, unless `Mocks` is told otherwise."""

_NAMED_BY = {":Bucket": "bucket", ":BucketV2": "bucket"}
"""End of a type → the property that holds the physical name, where it is not `name`."""


@dataclass(frozen=True)
class Registered:
    """A resource that a program made."""

    type: str
    """Pulumi's type token: `aws:sns/topic:Topic`, `flowinfra:index:StepFunctionsFlow`."""
    name: str
    """The resource's name in the program."""
    inputs: Mapping[str, Any]
    """What the program gave, in camel case as the provider gets it; Outputs are resolved."""


class Mocks(pulumi_mocks.Mocks):
    """Mocks for a program with flows, which remember what the program made and asked.

    Subclass it to answer more, and to answer it differently:

        >>> class Ours(Mocks):
        ...     def new_resource(self, args):
        ...         identifier, state = super().new_resource(args)
        ...         if args.typ == "aws:sqs/queue:Queue":
        ...             state["url"] = "https://sqs.us-east-1.amazonaws.com/123456789012/jobs"
        ...         return identifier, state
    """

    def __init__(self, *, account: str = ACCOUNT, region: str = REGION) -> None:
        """
        Args:
            account: that the provider is logged in to.
            region: that the provider is configured for.
        """
        self.account, self.region = account, region
        self.resources: list[Registered] = []
        """All that the program made, components too, in order."""
        self.calls: list[str] = []
        """Tokens of the functions that the program called: `aws:index/getRegion:getRegion`."""

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Name → inputs, of the resources of a type.

        Args:
            kind: how the type's last word ends: `Topic`, `StepFunctionsFlow`.
        """
        return {item.name: dict(item.inputs) for item in self.resources if item.type.split("/")[-1].endswith(kind)}

    def one(self, kind: str) -> dict[str, Any]:
        """Inputs of the only resource of a type.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = self.of(kind)
        if len(found) != 1:
            there = ", ".join(f"{item.name} ({item.type})" for item in self.resources) or "nothing"
            raise LookupError(f"{len(found)} resources are a {kind}, not one; the program made: {there}")
        return next(iter(found.values()))

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Give a resource what its provider would: an id, and for AWS a name and an ARN where the program gave none."""
        self.resources.append(Registered(args.typ, args.name, args.inputs))
        state = dict(args.inputs)
        if args.typ.startswith(("aws:", "flowinfra-aws:")):
            self._as_aws(args.typ, args.name, state)
        if args.typ.endswith(":Stash"):
            state["output"] = args.inputs["input"]
        return args.resource_id or f"{args.name}-id", state

    def call(self, args: pulumi_mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Answer AWS's account, region, partition and default network; any other function with its own arguments."""
        self.calls.append(args.token)
        answers: dict[str, dict[str, Any]] = {
            "getCallerIdentity": {
                "accountId": self.account,
                "arn": f"arn:aws:iam::{self.account}:user/tests",
                "id": self.account,
                "userId": "tests",
            },
            "getRegion": {"id": self.region, "name": self.region, "region": self.region},
            "getPartition": {"dnsSuffix": "amazonaws.com", "id": "aws", "partition": "aws"},
            "getVpc": {"id": "vpc-1"},
            "getSubnets": {"ids": ["subnet-1", "subnet-2"]},
        }
        return answers.get(args.token.rpartition(":")[2], dict(args.args)), []

    def _as_aws(self, kind: str, name: str, state: dict[str, Any]) -> None:
        last = f":{kind.rpartition(':')[2]}"
        key = _NAMED_BY.get(last, "name")
        state.setdefault(key, f"{state.get(f'{key}Prefix') or f'{name}-'}1")
        if last == ":JobDefinition":
            state.setdefault("revision", 1)
        state.setdefault("arn", made_up_arn(kind, state[key], self.region, self.account))


def run(
    program: Callable[[], Any],
    *,
    mocks: Mocks | None = None,
    preview: bool = False,
    project: str = "app",
    stack: str = "dev",
) -> Mocks:
    """Run a program by mocks until all of its resources are made.

    Args:
        program: makes resources; an Output that it returns is waited for.
        mocks: what answers; a new `Mocks` unless given.
        preview: whether the program sees a preview.
        project: name of the Pulumi project.
        stack: name of the Pulumi stack.

    Returns:
        The mocks, which know what the program made.

    Raises:
        Exception: what the program raised, such as a `FlowInfraError` about a flow.
    """
    mocks = mocks if mocks is not None else Mocks()
    pulumi_mocks.set_mocks(mocks, project=project, stack=stack, preview=preview)

    def body() -> None:
        made = program()
        if isinstance(made, pulumi.Output):
            made.apply(lambda _: None)

    _sync_await(run_pulumi_func(body))
    return mocks
