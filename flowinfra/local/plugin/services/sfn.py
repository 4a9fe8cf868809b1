"""aws:sfn/stateMachine:StateMachine, after terraform-provider-aws `internal/service/sfn/state_machine.go`.

Upstream validates a changed definition at plan time with Step Functions' ValidateStateMachineDefinition; the
emulator has no such call, so asl.py stands in for it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import Any

from flowinfra.local.plugin.asl import diagnose
from flowinfra.local.plugin.cloud import CloudError, Scope, explained, once_possible
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.resource import Created, Resource, State, made, pairs, present, tag_changes, unpair
from flowinfra.plugin.checks import arn, between, length, matches, one_of
from flowinfra.plugin.schema import Problem, Schema, block, flag, text, whole
from flowinfra.plugin.wire import UNKNOWN

CREATE_PATIENCE = 300.0
"""Seconds for which a create is tried again."""
DELETE_PATIENCE = 300.0
"""Seconds for which a delete waits."""

_NAME = matches(r"^[0-9A-Za-z_-]+$", "the name should only contain 0-9, A-Z, a-z, - and _")


class StateMachine(Resource):
    """A Step Functions state machine."""

    token = "aws:sfn/stateMachine:StateMachine"  # noqa: S105
    schema = Schema(
        "Step Functions State Machine",
        {
            "definition": text(length(0, 1024 * 1024), required=True),
            "encryptionConfiguration": block(
                {
                    "kmsDataKeyReusePeriodSeconds": whole(between(60, 900)),
                    "kmsKeyId": text(),
                    "type": text(one_of(["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"])),
                },
                computed=True,
            ),
            "loggingConfiguration": block(
                {
                    "includeExecutionData": flag(),
                    "level": text(one_of(["ALL", "ERROR", "FATAL", "OFF"])),
                    "logDestination": text(),
                },
                computed=True,
            ),
            "name": text(length(1, 80), _NAME, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(length(1, 54), _NAME, computed=True, replaces=True, unread=True),
            "publish": flag(default=False, unread=True),
            "roleArn": text(arn, required=True),
            "tracingConfiguration": block({"enabled": flag()}, computed=True),
            "type": text(one_of(["STANDARD", "EXPRESS"]), default="STANDARD", replaces=True),
        },
        ("arn", "creationDate", "description", "revisionId", "stateMachineVersionArn", "status", "versionDescription"),
        identity_limit=80,
    )

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """A changed definition must be one."""
        definition = new["definition"]
        if definition is UNKNOWN or not definition or definition == old.get("definition"):
            return
        yield from definition_problems(definition, "definition")

    def unknown(self, old: State, new: State, changed: Collection[str]) -> Collection[str]:
        """A published change makes a version."""
        settings = set(changed) - {"tags", "tagsAll", "publish"}
        return ("revisionId", "stateMachineVersionArn") if new.get("publish") and settings else ()

    def create(self, aws: Scope, new: State) -> Created:
        """CreateStateMachine; refused by AWS where the name is taken by another definition."""
        name = new.get("name") or unique(new["namePrefix"])
        client = aws.client("stepfunctions")

        def make() -> dict[str, Any]:
            with explained(f"creating Step Functions State Machine ({name})"):
                answer: dict[str, Any] = client.create_state_machine(
                    name=name,
                    definition=new["definition"],
                    roleArn=new["roleArn"],
                    type=new["type"],
                    publish=bool(new.get("publish")),
                    tags=pairs(new["tagsAll"], "key", "value"),
                    **_configuration(new),
                )
            return answer

        # as upstream, for IAM needs time; an update is not tried again there
        answer = once_possible(make, code=("StateMachineDeleting", "AccessDeniedException"), patience=CREATE_PATIENCE)
        identifier = answer["stateMachineArn"]
        found = self._describe(client, identifier)
        version = present(stateMachineVersionArn=answer.get("stateMachineVersionArn"))
        return Created(identifier, {**made(found, new), **version})

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeStateMachine."""
        client = aws.client("stepfunctions")
        try:
            found = self._describe(client, identifier)
            with explained(f"listing the tags of Step Functions State Machine ({identifier})"):
                tags = client.list_tags_for_resource(resourceArn=identifier)["tags"]
        except CloudError as error:
            if error.means_absent("StateMachineDoesNotExist"):
                return None
            raise
        version = old.get("stateMachineVersionArn")
        return {**found, "stateMachineVersionArn": version, "tagsAll": unpair(tags, "key", "value")}

    @staticmethod
    def _describe(client: Any, identifier: str) -> dict[str, Any]:
        with explained(f"reading Step Functions State Machine ({identifier})"):
            found = client.describe_state_machine(stateMachineArn=identifier)
        return {
            "arn": found["stateMachineArn"],
            "creationDate": found["creationDate"].isoformat(),
            "definition": found["definition"],
            "description": found.get("description") or "",
            "encryptionConfiguration": found.get("encryptionConfiguration"),
            "loggingConfiguration": _logging(found.get("loggingConfiguration")),
            "name": found["name"],
            "revisionId": found.get("revisionId"),
            "roleArn": found["roleArn"],
            "status": found.get("status"),
            "tracingConfiguration": {"enabled": bool(found.get("tracingConfiguration", {}).get("enabled"))},
            "type": found["type"],
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """UpdateStateMachine, and tags."""
        client = aws.client("stepfunctions")
        outputs: dict[str, Any] = {}
        with explained(f"updating Step Functions State Machine ({identifier})"):
            if set(changed) - {"tags", "tagsAll"}:
                answer = client.update_state_machine(
                    stateMachineArn=identifier,
                    definition=new["definition"],
                    roleArn=new["roleArn"],
                    publish=bool(new.get("publish")),
                    **_configuration(new),
                )
                outputs = present(
                    revisionId=answer.get("revisionId"),
                    stateMachineVersionArn=answer.get("stateMachineVersionArn"),
                )
            tag_state_machine(client, identifier, *tag_changes(old, new))
        return outputs

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteStateMachine, and wait until it is gone: while it runs it is DELETING."""
        client = aws.client("stepfunctions")
        with explained(f"deleting Step Functions State Machine ({identifier})"):
            client.delete_state_machine(stateMachineArn=identifier)
        deadline = time.monotonic() + DELETE_PATIENCE
        while time.monotonic() < deadline:
            try:
                self._describe(client, identifier)
            except CloudError as error:
                if error.means_absent("StateMachineDoesNotExist"):
                    return
                raise
            time.sleep(0.2)
        raise CloudError(
            f"waiting for Step Functions State Machine ({identifier}) delete: timeout while waiting for state to "
            f"become '' (last state: 'DELETING', timeout: {DELETE_PATIENCE:g}s)"
        )


def definition_problems(definition: str, path: str) -> Iterator[Problem]:
    """What Step Functions' validation finds, in upstream's words."""
    found = diagnose(definition)
    if found:
        listed = "\n".join(str(diagnostic) for diagnostic in found)
        yield Problem(path, f"invalid Step Functions State Machine definition: {listed}")


def tag_state_machine(client: Any, identifier: str, to_set: dict[str, str], to_remove: list[str]) -> None:
    """Change the tags of a state machine."""
    if to_remove:
        client.untag_resource(resourceArn=identifier, tagKeys=to_remove)
    if to_set:
        client.tag_resource(resourceArn=identifier, tags=pairs(to_set, "key", "value"))


def logging_configuration(given: State | None) -> dict[str, Any] | None:
    """The input block as Step Functions takes it."""
    if not given:
        return None
    destination = given.get("logDestination")
    return present(
        level=given.get("level"),
        includeExecutionData=given.get("includeExecutionData"),
        destinations=[{"cloudWatchLogsLogGroup": {"logGroupArn": destination}}] if destination else None,
    )


def _logging(found: State | None) -> dict[str, Any] | None:
    if not found:
        return None
    destinations = found.get("destinations") or [{}]
    return present(
        level=found.get("level"),
        includeExecutionData=bool(found.get("includeExecutionData")),
        logDestination=destinations[0].get("cloudWatchLogsLogGroup", {}).get("logGroupArn"),
    )


def _configuration(new: State) -> dict[str, Any]:
    return present(
        encryptionConfiguration=new.get("encryptionConfiguration"),
        loggingConfiguration=logging_configuration(new.get("loggingConfiguration")),
        tracingConfiguration=new.get("tracingConfiguration"),
    )
