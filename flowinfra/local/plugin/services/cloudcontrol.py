"""aws:cloudcontrol/resource:Resource for AWS::StepFunctions::StateMachine.

After terraform-provider-aws `internal/service/cloudcontrol/resource.go` and the type's CloudFormation schema.
moto has no Cloud Control, so this calls Step Functions as the type's handler does. It is here because it is the one
way inside pulumi-aws to a state machine with dots in its name, as Metaflow gives to every @project flow.

As upstream: `desiredState` is compared as text, a changed create-only property replaces, `properties` is unknown
while `desiredState` changes, only `properties` is refreshed, and there is no import.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from flowinfra.local.plugin.cloud import CloudError, Scope, explained
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.resource import Created, Resource, State, pairs, present, unpair
from flowinfra.local.plugin.services.sfn import definition_problems, tag_state_machine
from flowinfra.plugin.checks import matches
from flowinfra.plugin.schema import Change, Problem, Schema, text
from flowinfra.plugin.wire import UNKNOWN

TYPE = "AWS::StepFunctions::StateMachine"
_CREATE_ONLY = ("StateMachineName", "StateMachineType")
_WRITABLE = frozenset(
    {
        "Definition",
        "DefinitionString",
        "EncryptionConfiguration",
        "LoggingConfiguration",
        "RoleArn",
        "StateMachineName",
        "StateMachineType",
        "Tags",
        "TracingConfiguration",
    }
)
_ELSEWHERE = frozenset({"DefinitionS3Location", "DefinitionSubstitutions"})
_FORBIDDEN = set('<>{}[]?*"#%\\^|~`$&,;:/ \t\r\n')
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html, `name`."""


class CloudControlResource(Resource):
    """A state machine through the Cloud Control API."""

    token = "aws:cloudcontrol/resource:Resource"  # noqa: S105
    schema = Schema(
        "Cloud Control API Resource",
        {
            "desiredState": text(required=True, unread=True),
            "roleArn": text(unread=True),
            "schema": text(computed=True, unread=True),
            "typeName": text(
                matches(
                    r"[0-9A-Za-z]{2,64}::[0-9A-Za-z]{2,64}::[0-9A-Za-z]{2,64}",
                    "must be three alphanumeric sections separated by double colons (::)",
                ),
                required=True,
                replaces=True,
                unread=True,
            ),
            "typeVersionId": text(unread=True),
        },
        ("properties",),
        identity=None,
        tagged=False,
    )
    derived: ClassVar[Mapping[str, str]] = {"properties": "desiredState"}

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """The type, and the desired state against the type's schema."""
        if new["typeName"] is not UNKNOWN and new["typeName"] != TYPE:
            yield Problem("typeName", f"the local aws plugin plays {TYPE} only, not {new['typeName']}")
        desired = new["desiredState"]
        if desired is UNKNOWN or desired == old.get("desiredState"):
            return
        for reason in _desired_problems(desired):
            yield Problem("desiredState", f"validating desired_state against CloudFormation Resource Schema: {reason}")
        definition = _definition(_parsed(desired))
        if definition is not None:
            yield from definition_problems(definition, "desiredState")

    def changes(self, old: State, new: State, found: list[Change]) -> list[Change]:
        """A changed create-only property replaces."""
        before, after = _parsed(old.get("desiredState")), _parsed(new.get("desiredState"))
        if after and all(before.get(name) == after.get(name) for name in _CREATE_ONLY):
            return found
        if new.get("desiredState") is UNKNOWN:
            return found
        return [replace(change, replaces=True) if change.top == "desiredState" else change for change in found]

    def unknown(self, old: State, new: State, changed: Collection[str]) -> Collection[str]:
        """The whole of what AWS answers."""
        return ("properties",) if "desiredState" in changed else ()

    def create(self, aws: Scope, new: State) -> Created:
        """CreateStateMachine; Cloud Control refuses a name that is taken, whatever is behind it."""
        wanted = _parsed(new["desiredState"])
        name = wanted.get("StateMachineName") or unique("StateMachine-")
        client = aws.client("stepfunctions")
        identifier = aws.arn("states", f"stateMachine:{name}")
        doing = f"creating Cloud Control API ({TYPE}) Resource"
        if self._describe(aws, identifier) is not None:
            raise CloudError(
                f"{doing}: AlreadyExists: Resource of type '{TYPE}' with identifier '{identifier}' already exists."
            )
        with explained(doing):
            client.create_state_machine(
                name=name,
                type=wanted.get("StateMachineType", "STANDARD"),
                tags=[{"key": tag["Key"], "value": tag["Value"]} for tag in wanted.get("Tags", [])],
                **_arguments(wanted),
            )
        return Created(identifier, {"properties": self._properties(aws, identifier)})

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """What AWS has now, in `properties`."""
        if not old.get("typeName"):
            raise CloudError(
                "aws:cloudcontrol/resource:Resource cannot be imported (nor can it with the real provider)"
            )
        properties = self._properties(aws, identifier)
        return None if properties is None else {"properties": properties}

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """UpdateStateMachine and tags, where the desired state says something else than before."""
        before, after = _parsed(old["desiredState"]), _parsed(new["desiredState"])
        client = aws.client("stepfunctions")
        with explained(f"updating Cloud Control API ({TYPE}) Resource ({identifier})"):
            if _arguments(before) != _arguments(after):
                client.update_state_machine(stateMachineArn=identifier, **_arguments(after))
            had, want = unpair(before.get("Tags", [])), unpair(after.get("Tags", []))
            to_set = {key: value for key, value in want.items() if had.get(key) != value}
            tag_state_machine(client, identifier, to_set, sorted(set(had) - set(want)))
        return {"properties": self._properties(aws, identifier)}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteStateMachine."""
        with explained(f"deleting Cloud Control API ({TYPE}) Resource ({identifier})"):
            aws.client("stepfunctions").delete_state_machine(stateMachineArn=identifier)

    def _describe(self, aws: Scope, identifier: str) -> dict[str, Any] | None:
        try:
            with explained(f"reading Cloud Control API ({TYPE}) Resource ({identifier})"):
                found: dict[str, Any] = aws.client("stepfunctions").describe_state_machine(stateMachineArn=identifier)
        except CloudError as error:
            if error.means_absent("StateMachineDoesNotExist"):
                return None
            raise
        return found

    def _properties(self, aws: Scope, identifier: str) -> str | None:
        found = self._describe(aws, identifier)
        if found is None:
            return None
        client = aws.client("stepfunctions")
        with explained(f"reading the tags of Cloud Control API ({TYPE}) Resource ({identifier})"):
            tags = client.list_tags_for_resource(resourceArn=identifier)["tags"]
        properties = present(
            Arn=found["stateMachineArn"],
            DefinitionString=found["definition"],
            EncryptionConfiguration=_capitals(found.get("encryptionConfiguration")),
            LoggingConfiguration=_capitals(found.get("loggingConfiguration")),
            Name=found["name"],
            RoleArn=found["roleArn"],
            StateMachineName=found["name"],
            StateMachineRevisionId=found.get("revisionId"),
            StateMachineType=found["type"],
            Tags=pairs(unpair(tags, "key", "value")) or None,
            TracingConfiguration=_capitals(found.get("tracingConfiguration")),
        )
        return json.dumps(properties, separators=(",", ":"), ensure_ascii=False)


def _parsed(desired: Any) -> dict[str, Any]:
    if not isinstance(desired, str):
        return {}
    try:
        value = json.loads(desired)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _desired_problems(desired: str) -> Iterator[str]:
    try:
        value = json.loads(desired)
    except ValueError as error:
        yield f"not JSON: {error}"
        return
    if not isinstance(value, dict):
        yield "not a JSON object"
        return
    for name in sorted(set(value) - _WRITABLE):
        if name in _ELSEWHERE:
            yield f"the local aws plugin does not take {name}: give DefinitionString"
        else:
            yield f"(root): Additional property {name} is not allowed"
    if not isinstance(value.get("RoleArn"), str):
        yield "(root): RoleArn is required"
    if ("DefinitionString" in value) == ("Definition" in value):
        yield "(root): exactly one of DefinitionString and Definition is required"
    name = value.get("StateMachineName", "StateMachine")
    if not isinstance(name, str) or not 1 <= len(name) <= 80:
        yield "StateMachineName: String length must be between 1 and 80"
    elif bad := sorted(set(name) & _FORBIDDEN):
        yield f"StateMachineName: Invalid Name: '{name}' (characters {' '.join(map(repr, bad))})"
    if value.get("StateMachineType", "STANDARD") not in ("STANDARD", "EXPRESS"):
        yield "StateMachineType: must be one of STANDARD, EXPRESS"
    for tag in value.get("Tags", []):
        if not isinstance(tag, dict) or set(tag) != {"Key", "Value"}:
            yield "Tags: each must be an object of Key and Value"


def _definition(wanted: Mapping[str, Any]) -> str | None:
    if "Definition" in wanted:
        return json.dumps(wanted["Definition"])
    definition = wanted.get("DefinitionString")
    return definition if isinstance(definition, str) else None


def _arguments(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What both CreateStateMachine and UpdateStateMachine take."""
    return present(
        definition=_definition(wanted),
        roleArn=wanted.get("RoleArn"),
        encryptionConfiguration=_lower(wanted.get("EncryptionConfiguration")),
        loggingConfiguration=_lower(wanted.get("LoggingConfiguration")),
        tracingConfiguration=_lower(wanted.get("TracingConfiguration")),
    )


def _lower(value: Any) -> Any:
    """CloudFormation's `LogGroupArn` as Step Functions' `logGroupArn`, all through."""
    return _renamed(value, lambda key: key[:1].lower() + key[1:])


def _capitals(value: Any) -> Any:
    return _renamed(value, lambda key: key[:1].upper() + key[1:])


def _renamed(value: Any, rename: Any) -> Any:
    if isinstance(value, dict):
        return {rename(key): _renamed(item, rename) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, rename) for item in value]
    return value
