"""What an engine that was killed in the middle of a deploy had made, and had no time to note in the stack's state.

Pulumi keeps such creations as pending operations, and makes each of them again in the next `up`. Most parts of
a flow take that, for their names are made up, or writing them again does no harm. Three do not: a state machine and a
schedule have Metaflow's name for the flow, and a service account has one Pod Identity association; AWS refuses a second
one. Where one is there and is the stack's, it is put into the state, and a refresh completes it. Tags say whose it is,
and of a schedule, which has none, what it starts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.clouds.aws import Access, refuse_other_account
from flowinfra.components.names import FLOW_TAG, PROJECT_TAG, STACK_TAG, STATE_MACHINES
from flowinfra.engine.command import pulumi
from flowinfra.engine.project import found_folder, read_mapping, stack_file
from flowinfra.errors import ToolError

_OWN = (PROJECT_TAG, STACK_TAG, FLOW_TAG)
_POD_IDENTITY = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
_SCHEDULE = "aws:scheduler/schedule:Schedule"


@dataclass(frozen=True)
class Creation:
    """A creation that was under way, of what AWS refuses to make twice."""

    urn: str
    arn: str
    """ARN of the state machine or schedule, or of the cluster that has the association."""
    region: str
    inputs: Mapping[str, Any]

    @property
    def tags(self) -> Mapping[str, str]:
        """Tags that it is made with."""
        found: Mapping[str, str] = self.inputs.get("tags", {})
        return found

    @property
    def name(self) -> str:
        """Name of the resource in the stack."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class Recovered:
    """What was done about the creations that were under way; names in the stack."""

    adopted: tuple[str, ...]
    """Resources that existed: the state has them now, and a refresh completes them."""
    again: tuple[str, ...]
    """The next `up` makes them (again)."""


def recover(stack: str, folder: Path, access: Access | None = None) -> Recovered:
    """Mend the state of a stack in a Pulumi project's folder. Not to be run during a deploy of the stack.

    Args:
        stack: its name.
        folder: of the project.
        access: how its account is reached; None for what its file says.

    Raises:
        ToolError: Pulumi or AWS fails; the state is as it was.
    """
    state = json.loads(pulumi(folder, "stack", "export", "--stack", stack))
    deployment = state["deployment"]
    found = list(creations(deployment))
    if found:
        access = access or access_of(stack, folder)
        refuse_other_account(
            access.session(), {creation.arn.split(":")[4] for creation in found}, f"the stack {stack!r}"
        )
    asked = {each.urn: _identifier(each, access) for each in found if access is not None}
    made = {urn: identifier for urn, identifier in asked.items() if identifier is not None}
    under_way = [operation["resource"]["urn"] for operation in _creating(deployment)]
    if under_way:
        mended = {**state, "deployment": adopt(deployment, made)}
        pulumi(folder, "stack", "import", "--stack", stack, stdin=json.dumps(mended))
    names = {urn: urn.rpartition("::")[2] for urn in under_way}
    return Recovered(
        adopted=tuple(name for urn, name in names.items() if urn in made),
        again=tuple(name for urn, name in names.items() if urn not in made),
    )


def creations(deployment: Mapping[str, Any]) -> Iterator[Creation]:
    """What AWS makes only once and was being made, in a stack's state."""
    regions = {
        f"{item['urn']}::{item['id']}": item.get("inputs", {}).get("region", "")
        for item in deployment.get("resources", ())
        if item["type"] == "pulumi:providers:aws"
    }
    for operation in _creating(deployment):
        resource = operation["resource"]
        inputs = resource.get("inputs", {})
        if found := _place(resource["type"], inputs):
            role = inputs["target"]["roleArn"] if resource["type"] == _SCHEDULE else inputs["roleArn"]
            _, partition, _, _, account, _ = role.split(":", 5)
            region = inputs.get("region") or regions.get(resource.get("provider", ""), "")
            service, name = found
            yield Creation(resource["urn"], f"arn:{partition}:{service}:{region}:{account}:{name}", region, inputs)


def adopt(deployment: Mapping[str, Any], made: Mapping[str, str]) -> dict[str, Any]:
    """The state without pending creations, and with those of `made` (URN → id) among its resources."""
    creating = list(_creating(deployment))
    pending = [each for each in deployment.get("pending_operations", ()) if each not in creating]
    adopted = [
        {**each["resource"], "id": made[each["resource"]["urn"]], "outputs": _outputs(each["resource"], made)}
        for each in creating
        if each["resource"]["urn"] in made
    ]
    kept = {key: value for key, value in deployment.items() if key != "pending_operations"}
    mended = {**kept, "resources": [*deployment.get("resources", ()), *adopted]}
    return {**mended, "pending_operations": pending} if pending else mended


def _creating(deployment: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Pending creations of what the state does not have."""
    known = {item["urn"] for item in deployment.get("resources", ()) if not item.get("delete")}
    for operation in deployment.get("pending_operations", ()):
        if operation["type"] == "creating" and operation["resource"]["urn"] not in known:
            yield operation


def _outputs(resource: Mapping[str, Any], made: Mapping[str, str]) -> dict[str, Any]:
    """What a refresh needs to find it."""
    inputs = resource.get("inputs", {})
    return {**inputs, "associationId": made[resource["urn"]]} if resource["type"] == _POD_IDENTITY else inputs


def _place(kind: str, inputs: Mapping[str, Any]) -> tuple[str, str] | None:
    """Service, and resource in an ARN, of what AWS makes only once; None for anything else."""
    if kind in STATE_MACHINES:
        return "states", f"stateMachine:{inputs['name']}"
    if kind == _SCHEDULE:
        return "scheduler", f"schedule/{inputs['groupName']}/{inputs['name']}"
    return ("eks", f"cluster/{inputs['clusterName']}") if kind == _POD_IDENTITY else None


def access_of(stack: str, folder: Path) -> Access:
    """How a stack's account is reached, by its file; by what the shell has where it has none."""
    root = found_folder(folder)
    if root is None:
        return Access()
    file = stack_file(root, stack.rsplit("/", 1)[-1])
    try:
        return Access.of(read_mapping(file.path, file.label).get("config") or {})
    except FileNotFoundError:
        return Access()


def _identifier(creation: Creation, access: Access) -> str | None:
    """Id of what was made, if it exists and is this stack's: another stack's is not taken over."""
    find = {"states": _machine, "eks": _association, "scheduler": _schedule}[creation.arn.split(":")[2]]
    try:
        return find(creation, access.session(creation.region or None))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ResourceNotFound", "ResourceNotFoundException", _NO_MACHINE):
            return None
        raise ToolError(f"{creation.arn}: whose it is cannot be read: {error}") from None
    except BotoCoreError as error:
        raise ToolError(f"{creation.arn}: whose it is cannot be read: {error}") from None


def _is_own(creation: Creation, tags: Mapping[str, str]) -> bool:
    return all(tag in tags and tags[tag] == creation.tags.get(tag) for tag in _OWN)


_NO_MACHINE = "StateMachineDoesNotExist"


def _machine(creation: Creation, session: Any) -> str | None:
    tags = session.client("stepfunctions").list_tags_for_resource(resourceArn=creation.arn)["tags"]
    return creation.arn if _is_own(creation, {tag["key"]: tag["value"] for tag in tags}) else None


def _schedule(creation: Creation, session: Any) -> str | None:
    group, name = creation.inputs["groupName"], creation.inputs["name"]
    starts = session.client("scheduler").get_schedule(GroupName=group, Name=name)["Target"]
    wanted = creation.inputs["target"]
    return f"{group}/{name}" if (starts["Arn"], starts["RoleArn"]) == (wanted["arn"], wanted["roleArn"]) else None


def _association(creation: Creation, session: Any) -> str | None:
    client, wanted = session.client("eks"), {"clusterName": creation.inputs["clusterName"]}
    place = {key: creation.inputs[key] for key in ("namespace", "serviceAccount")}
    listed = client.list_pod_identity_associations(**wanted, **place)["associations"]
    if not listed:
        return None
    identifier = listed[0]["associationId"]
    found = client.describe_pod_identity_association(**wanted, associationId=identifier)["association"]
    return str(identifier) if _is_own(creation, found.get("tags", {})) else None
