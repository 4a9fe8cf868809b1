"""Resources of flowinfra's own provider: state machines with dots in their names, which `aws.sfn.StateMachine` refuses
and AWS takes, and rows of a table that others write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi.runtime.config import is_config_secret

from flowinfra.aws_plugin import PACKAGE, ROW, STATE_MACHINE
from flowinfra.aws_plugin.settings import CONFIDENTIAL, KEYS
from flowinfra.components.program import once

_LOGGING = {"level": "level", "include_execution_data": "includeExecutionData", "log_destination": "logDestination"}


class AwsProvider(pulumi.ProviderResource):
    """The provider `flowinfra-aws`.

    A stack needs none: its flows share one with what the stack's configuration says for `aws:…`. A flow that is given
    an `aws` provider of its own (`providers=[…]`) is given one of these too, with the same arguments.
    """

    def __init__(
        self, name: str, args: Mapping[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Have a provider.

        Args:
            name: in Pulumi.
            args: as those of `aws.Provider`, in Pulumi's spelling: `region`, `profile`, `assumeRoles`, `defaultTags`,
                `endpoints`, …
            opts: of the resource.
        """
        super().__init__(PACKAGE, name, dict(args or {}), opts)


class StateMachine(pulumi.CustomResource):
    """A state machine, whatever AWS takes as its name; its arguments are those of `aws.sfn.StateMachine`."""

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        definition: pulumi.Input[str],
        role_arn: pulumi.Input[str],
        logging_configuration: Mapping[str, Any],
        type: str = "STANDARD",
        tags: Mapping[str, pulumi.Input[str]] | None = None,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Have a state machine.

        Args:
            resource_name: in Pulumi.
            name: in AWS.
            definition: in the Amazon States Language.
            role_arn: of the role that it runs with.
            logging_configuration: level, include_execution_data, log_destination.
            type: STANDARD or EXPRESS.
            tags: beside the default ones.
            opts: of the resource; with a parent.

        Raises:
            pulumi.RunError: the parent has an `aws` provider of its own, and no `flowinfra-aws` provider.
        """
        inputs = {
            "name": name,
            "definition": definition,
            "roleArn": role_arn,
            "loggingConfiguration": {_LOGGING[key]: value for key, value in logging_configuration.items()},
            "type": type,
            "tags": tags,
        }
        super().__init__(STATE_MACHINE, resource_name, inputs, _provided(resource_name, opts))


def machine_kind(name: str) -> Callable[..., pulumi.Resource]:
    """Which provider makes a state machine of that name."""
    return StateMachine if "." in name else aws.sfn.StateMachine


class Row(pulumi.CustomResource):
    """A row of a DynamoDB table that others write: it is removed with the resource, and empty when that is made."""

    def __init__(
        self,
        resource_name: str,
        *,
        table: pulumi.Input[str],
        hash_key: str,
        key: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Have a row.

        Args:
            resource_name: in Pulumi.
            table: its name.
            hash_key: of the table, which has no other key.
            key: of the row.
            opts: of the resource; with a parent.

        Raises:
            pulumi.RunError: the parent has an `aws` provider of its own, and no `flowinfra-aws` provider.
        """
        inputs = {"table": table, "hashKey": hash_key, "key": key}
        super().__init__(ROW, resource_name, inputs, _provided(resource_name, opts))


def _provided(name: str, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    parent = opts.parent
    if parent is not None and parent.get_provider(STATE_MACHINE) is not None:
        return opts
    if parent is not None and parent.get_provider("aws:sfn/stateMachine:StateMachine") is not None:
        raise pulumi.RunError(
            f"{name}: the flow has an aws provider of its own, and state machines with dots in their names, and what "
            "keeps the events of a flow that waits for several, are made by flowinfra's provider: give one with the "
            "same region, role and account too, "
            'providers=[aws_provider, flowinfra.AwsProvider("name", {"region": …})]'
        )
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(provider=once(PACKAGE, _of_the_stack)))


def _of_the_stack() -> AwsProvider:
    """The provider with the stack's configuration of `aws`."""
    config = pulumi.Config("aws")
    found: dict[str, Any] = {}
    for key in KEYS:
        value = config.get(key)
        if value is not None:
            secret = key in CONFIDENTIAL or is_config_secret(f"aws:{key}")
            found[key] = pulumi.Output.secret(value) if secret else value
    return AwsProvider(PACKAGE, found)
