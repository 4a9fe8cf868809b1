"""The provider `flowinfra-aws` against the emulator: what the engine asks, and what AWS then has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from google.protobuf.struct_pb2 import Struct

from flowinfra.aws_plugin import ROW, STATE_MACHINE, machines, settings
from flowinfra.aws_plugin.machines import OFF
from flowinfra.aws_plugin.provider import Provider
from flowinfra.aws_plugin.rows import Rows
from flowinfra.aws_plugin.session import AwsError
from flowinfra.local import identity, platform, run
from flowinfra.plugin.failure import PartialFailureError
from flowinfra.plugin.wire import UNKNOWN, decode_struct, encode, has_secret
from tests.local.support import Aws, machine, unique

ROLE = platform.role_arn(platform.STATES_ROLE)


def struct(values: dict[str, Any], *secret: str) -> Struct:
    return Struct(fields={key: encode(value, secret=key in secret) for key, value in values.items()})


def configured(aws: Aws, **config: Any) -> settings.Settings:
    given = {
        "region": identity.REGION,
        "accessKey": identity.USER_KEY,
        "secretKey": identity.SECRET_KEY,
        "endpoints": [dict.fromkeys(("dynamodb", "sfn", "sts"), aws.instance.endpoint)],
        **config,
    }
    assert list(settings.problems(given)) == []
    found = settings.settings(given, {})
    assert found is not None
    return found


def provider(aws: Aws, **config: Any) -> Provider:
    return Provider(configured(aws, **config))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "_PAUSES", (0.01,))


class Life:
    """A state machine in the engine's hands."""

    def __init__(self, it: Provider, **inputs: Any) -> None:
        self.it = it
        definition = json.dumps(machine(only={"Type": "Pass", "End": True}))
        self.wanted = {"name": f"{unique('p')}.x.Flow", "definition": definition, "roleArn": ROLE, **inputs}
        self.inputs, self.state, self.arn = Struct(), Struct(), ""

    def check(self, *secret: str, **changes: Any) -> list[str]:
        self.wanted = {key: value for key, value in {**self.wanted, **changes}.items() if value is not None}
        self.checked, found = self.it.check(STATE_MACHINE, self.inputs, struct(self.wanted, *secret))
        return [f"{problem.path}: {problem.reason}" for problem in found]

    def create(self, *secret: str, **changes: Any) -> None:
        assert self.check(*secret, **changes) == []
        self.arn, self.state = self.it.create(STATE_MACHINE, self.checked, 0, preview=False)
        self.inputs = self.checked

    def diff(self, **changes: Any) -> list[str]:
        assert self.check(**changes) == []
        return [change.path for change in self.it.diff(STATE_MACHINE, self.state, self.checked).changes]

    def update(self, **changes: Any) -> None:
        assert self.check(**changes) == []
        self.state = self.it.update(STATE_MACHINE, self.arn, self.state, self.checked, 1, preview=False)
        self.inputs = self.checked

    def refresh(self) -> dict[str, Any]:
        found = self.it.read(STATE_MACHINE, self.arn, self.state, self.inputs)
        assert found.properties is not None
        assert found.inputs is not None
        self.state, self.inputs = found.properties, found.inputs
        return decode_struct(self.inputs)


def tags(aws: Aws, arn: str) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in aws.states.list_tags_for_resource(resourceArn=arn)["tags"]}


def test_a_life(aws: Aws) -> None:
    life = Life(provider(aws))
    life.create(tags={"a": "1"})
    made = aws.states.describe_state_machine(stateMachineArn=life.arn)
    assert (made["name"], made["roleArn"], made["type"]) == (life.wanted["name"], ROLE, "STANDARD")
    assert made["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert life.diff() == []
    life.refresh()
    assert life.diff() == []
    other = json.dumps(machine(other={"Type": "Succeed"}))
    assert life.diff(definition=other, tags={"b": "2"}) == ["definition", "tags.a", "tags.b", "tagsAll.a", "tagsAll.b"]
    life.update()
    assert aws.states.describe_state_machine(stateMachineArn=life.arn)["definition"] == other
    assert tags(aws, life.arn) == {"b": "2"}
    life.it.delete(STATE_MACHINE, life.arn, 0)
    assert life.it.read(STATE_MACHINE, life.arn, life.state, life.inputs).properties is None
    life.it.delete(STATE_MACHINE, life.arn, 0)


def test_previews_touch_nothing(aws: Aws) -> None:
    life = Life(provider(aws))
    assert life.check() == []
    identifier, state = life.it.create(STATE_MACHINE, life.checked, 0, preview=True)
    assert (identifier, decode_struct(state)["arn"]) == ("", UNKNOWN)
    life.create()
    assert life.check(roleArn=ROLE + "2") == []
    life.it.update(STATE_MACHINE, life.arn, life.state, life.checked, 0, preview=True)
    assert aws.states.describe_state_machine(stateMachineArn=life.arn)["roleArn"] == ROLE


def test_what_is_wrong_is_told_at_preview(aws: Aws) -> None:
    life = Life(provider(aws))
    assert life.check(name="a b", roleArn="role", color="red") == [
        "color: there is no property 'color' here; known are: definition, loggingConfiguration, name, region, roleArn, "
        "tags, type",
        'name: invalid value for name (AWS takes no spaces and none of <>{}[]?*"#%\\^|~`$&,;:/)',
        'roleArn: "role_arn" (role) is an invalid ARN: arn: invalid prefix',
    ]


def test_a_definition_is_shown_to_aws_when_it_is_known_and_changes(aws: Aws) -> None:
    life = Life(provider(aws))
    bad = json.dumps(machine(only={"Type": "Pass", "Next": "nowhere"}))
    assert life.check(definition=bad) == [
        "definition: invalid state machine definition: "
        "ERROR (MISSING_TRANSITION_TARGET): Missing 'Next' target: nowhere at /States/only/Next"
    ]
    life.inputs = struct({"definition": bad})
    assert life.check() == []  # it did not change: the real provider of AWS does not ask again either
    life.inputs = Struct()
    assert life.check(definition=UNKNOWN) == []


def test_a_name_that_is_taken_is_refused_also_by_an_equal_one(aws: Aws) -> None:
    life = Life(provider(aws))
    by_hand = aws.deploy(json.loads(life.wanted["definition"]), life.wanted["name"])
    with pytest.raises(AwsError, match=f"StateMachineAlreadyExists: State Machine Already Exists: '{by_hand}'"):
        life.create(tags={"a": "1"})
    assert tags(aws, by_hand) == {}


def test_one_that_is_equal_with_its_tags_was_taken_over(aws: Aws) -> None:
    life = Life(provider(aws))
    by_hand = aws.deploy(json.loads(life.wanted["definition"]), life.wanted["name"])
    found = aws.states.describe_state_machine(stateMachineArn=by_hand)
    aws.states.update_state_machine(
        stateMachineArn=by_hand,
        definition=life.wanted["definition"],
        roleArn=life.wanted["roleArn"],
        loggingConfiguration=dict(OFF),
    )
    aws.states.tag_resource(resourceArn=by_hand, tags=[{"key": "a", "value": "1"}])
    life.create(tags={"a": "1"})
    assert life.arn == by_hand
    assert aws.states.describe_state_machine(stateMachineArn=by_hand)["creationDate"] == found["creationDate"]


def test_drift_is_read(aws: Aws) -> None:
    life = Life(provider(aws))
    life.create(tags={"a": "1"})
    definition = life.wanted["definition"].replace("only", "hand")
    aws.states.update_state_machine(stateMachineArn=life.arn, definition=definition)
    aws.states.tag_resource(
        resourceArn=life.arn, tags=[{"key": "hand", "value": "made"}, {"key": "aws:x", "value": ""}]
    )
    found = life.refresh()
    assert (found["definition"], found["tags"]) == (definition, {"a": "1", "hand": "made"})
    assert life.diff() == ["definition", "tags.hand", "tagsAll.hand"]
    life.update()
    assert aws.states.describe_state_machine(stateMachineArn=life.arn)["definition"] == life.wanted["definition"]
    assert tags(aws, life.arn) == {"a": "1", "aws:x": ""}


def test_tags_are_exact_although_nobody_refreshed(aws: Aws) -> None:
    life = Life(
        provider(aws, defaultTags={"tags": {"by": "us"}}, ignoreTags={"keys": ["kept"], "keyPrefixes": ["k8s:"]})
    )
    life.create(tags={"a": "1", "b": "2"})
    assert tags(aws, life.arn) == {"a": "1", "b": "2", "by": "us"}
    others = [{"key": key, "value": "x"} for key in ("a", "kept", "k8s:y", "hand")]
    aws.states.tag_resource(resourceArn=life.arn, tags=others)
    life.update(tags={"a": "1", "by": "me"})
    assert tags(aws, life.arn) == {"a": "1", "by": "me", "kept": "x", "k8s:y": "x"}
    found = life.refresh()
    assert (found["tags"], found["tagsAll"]) == ({"a": "1", "by": "me"},) * 2


def test_import(aws: Aws) -> None:
    it = provider(aws, defaultTags={"tags": {"by": "us"}})
    arn = aws.deploy(machine(only={"Type": "Succeed"}), f"{unique('p')}.x.Flow")
    aws.states.tag_resource(resourceArn=arn, tags=[{"key": "by", "value": "us"}, {"key": "a", "value": "1"}])
    found = it.read(STATE_MACHINE, arn, Struct(), Struct())
    assert found.identifier == arn
    assert found.inputs is not None
    inputs = decode_struct(found.inputs)
    assert (inputs["tags"], inputs["tagsAll"]) == ({"a": "1"}, {"a": "1", "by": "us"})
    checked, problems = it.check(STATE_MACHINE, found.inputs, found.inputs)
    assert problems == []
    assert found.properties is not None
    assert it.diff(STATE_MACHINE, found.properties, checked).changes == []
    with pytest.raises(AwsError, match="is not an ARN of a state machine"):
        it.read(STATE_MACHINE, "fraud.prod.Flow", Struct(), Struct())


def test_what_replaces(aws: Aws) -> None:
    life = Life(provider(aws))
    life.create()
    for change, delete_first in (({"name": "a.b"}, False), ({"name": life.wanted["name"], "type": "EXPRESS"}, True)):
        assert life.check(**change) == []
        found = life.it.diff(STATE_MACHINE, life.state, life.checked)
        assert ([each.replaces for each in found.changes], found.delete_first) == ([True], delete_first)
    elsewhere = Life(provider(aws, region="eu-west-1"), **life.wanted)
    elsewhere.state = life.state
    assert elsewhere.diff(type=None) == ["region"]


def test_secrets_stay_secret(aws: Aws) -> None:
    life = Life(provider(aws))
    life.create("definition", "tags", tags={"a": "hush"})
    for state in (life.checked, life.state):
        assert all(has_secret(state.fields[name]) for name in ("definition", "tags", "tagsAll"))
    aws.states.tag_resource(resourceArn=life.arn, tags=[{"key": "b", "value": "hush"}])
    life.refresh()
    for state in (life.inputs, life.state):
        assert all(has_secret(state.fields[name]) for name in ("definition", "tags", "tagsAll"))


def test_nothing_is_asked_while_the_configuration_is_not_known() -> None:
    it = Provider(settings.settings({"region": UNKNOWN}, {}))
    inputs = struct({"name": "a.b", "definition": "{}", "roleArn": ROLE})
    checked, problems = it.check(STATE_MACHINE, Struct(), inputs)
    assert problems == []
    assert decode_struct(checked)["region"] is UNKNOWN
    with pytest.raises(AwsError, match="not known yet"):
        it.delete(STATE_MACHINE, "arn:aws:states:us-east-1:1:stateMachine:a.b", 0)


# what fails


class Refusing:
    """A client of which calls are refused for some time."""

    def __init__(self, client: Any, refusals: dict[str, Iterator[tuple[str, str]]]) -> None:
        self._client, self._refusals = client, refusals

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            refusal = next(self._refusals.get(name, iter(())), None)
            if refusal is not None:
                raise ClientError({"Error": {"Code": refusal[0], "Message": refusal[1]}}, name)
            return getattr(self._client, name)(**arguments)

        return call


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Any:
    def refuse(it: Provider, call: str, code: str, message: str, times: int) -> None:
        client = Refusing(it._configured().stepfunctions(identity.REGION), {call: iter([(code, message)] * times)})
        monkeypatch.setattr(it, "_machines", lambda region: machines.Machines(client))

    return refuse


LATE = ("AccessDeniedException", "Neither the global service principal states.amazonaws.com, nor the regional one is "
        "authorized to assume the provided role.")  # fmt: skip
FORBIDDEN = ("AccessDeniedException", "User: arn:aws:iam::1:user/me is not authorized to perform: iam:PassRole on …")


@pytest.mark.parametrize("late", [LATE, ("StateMachineDeleting", "State Machine is being deleted")])
def test_a_creation_waits_for_what_passes(aws: Aws, refuse: Any, late: tuple[str, str]) -> None:
    life = Life(provider(aws))
    refuse(life.it, "create_state_machine", *late, 3)
    life.create()
    assert aws.states.describe_state_machine(stateMachineArn=life.arn)["status"] == "ACTIVE"


def test_an_update_waits_for_roles_too(aws: Aws, refuse: Any) -> None:
    life = Life(provider(aws))
    life.create()
    refuse(life.it, "update_state_machine", *LATE, 3)
    life.update(roleArn=ROLE + "2")
    assert aws.states.describe_state_machine(stateMachineArn=life.arn)["roleArn"] == ROLE + "2"


def test_what_stays_forbidden_is_told_at_once(aws: Aws, refuse: Any) -> None:
    life = Life(provider(aws))
    refuse(life.it, "create_state_machine", *FORBIDDEN, 1)
    with pytest.raises(AwsError, match="not authorized to perform: iam:PassRole"):
        life.create()


def test_waiting_ends(aws: Aws, refuse: Any) -> None:
    life = Life(provider(aws))
    life.create()
    refuse(life.it, "update_state_machine", *LATE, 10_000)
    with pytest.raises(AwsError, match="authorized to assume"):
        life.update(roleArn=ROLE + "2")
    life.it.cancelled.set()
    with pytest.raises(AwsError, match="cancelled while it was tried again"):
        life.update(roleArn=ROLE + "2")


def test_a_failed_update_leaves_the_old_state_and_is_tried_again(aws: Aws, refuse: Any) -> None:
    life = Life(provider(aws))
    life.create()
    changed = life.wanted["definition"].replace("only", "next")
    refuse(life.it, "update_state_machine", "InternalServerError", "no", 1)
    with pytest.raises(AwsError, match="InternalServerError"):
        life.update(definition=changed)
    assert life.diff(definition=changed) == ["definition"]
    life.update(definition=changed)
    assert aws.states.describe_state_machine(stateMachineArn=life.arn)["definition"] == changed


def test_half_an_update_is_recorded_as_half_and_made_whole(aws: Aws, refuse: Any) -> None:
    life = Life(provider(aws))
    life.create(tags={"a": "1"})
    changed = life.wanted["definition"].replace("only", "next")
    refuse(life.it, "tag_resource", "InternalServerError", "no", 1)
    with pytest.raises(PartialFailureError, match="InternalServerError") as caught:
        life.update(definition=changed, tags={"a": "2"})
    life.state = caught.value.properties
    recorded = decode_struct(life.state)
    assert (recorded["definition"], recorded["tagsAll"], recorded["arn"]) == (changed, {"a": "1"}, life.arn)
    # the engine has the new inputs, and runs the update anew because of the failure: it has to do what is missing
    life.state = life.inputs = life.checked
    life.update()
    assert tags(aws, life.arn) == {"a": "2"}


def test_an_update_of_what_is_gone_says_what_to_do(aws: Aws) -> None:
    life = Life(provider(aws))
    life.create()
    aws.states.delete_state_machine(stateMachineArn=life.arn)
    with pytest.raises(AwsError, match=r"it is gone\. `pulumi up --refresh` sees that"):
        life.update(roleArn=ROLE + "2")


def test_a_deletion_that_goes_on_is_said(aws: Aws, refuse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(provider(aws))
    life.create()
    client = aws.states
    monkeypatch.setattr(client, "delete_state_machine", lambda **_: {})
    monkeypatch.setattr(life.it, "_machines", lambda region: machines.Machines(client))
    with pytest.raises(AwsError, match="is still being deleted: AWS ends each of its executions"):
        life.it.delete(STATE_MACHINE, life.arn, 0.05)


# configuration


def test_roles_are_assumed_one_after_the_other(aws: Aws) -> None:
    first, second = (f"arn:aws:iam::123456789012:role/{name}" for name in ("first", "second"))
    it = provider(aws, assumeRoles=json.dumps([{"roleArn": first, "duration": "1h"}, {"roleArn": second}]))
    client = it._configured().stepfunctions(identity.REGION)
    keys = client._request_signer._credentials
    assert keys.method == "assume-role"
    assert keys.get_frozen_credentials().access_key != identity.USER_KEY
    client.list_state_machines()


def test_another_account_is_refused(aws: Aws) -> None:
    it = provider(aws, allowedAccountIds=["111111111111"])
    with pytest.raises(AwsError, match="AWS account ID not allowed: 123456789012"):
        Life(it).create()


def test_a_configuration_that_cannot_be() -> None:
    found = settings.problems(
        {
            "regoin": "x",
            "assumeRoles": [{"duration": "1h"}, {"roleArn": "a", "duration": "soon"}],
            "defaultTags": "x",
            "sharedConfigFiles": ["a", "b"],
            "endpoints": "[]",
            "__internal": {},
        }
    )
    assert [problem.path for problem in found] == [
        "regoin",
        "assumeRoles",
        "assumeRoles",
        "defaultTags",
        "sharedConfigFiles",
    ]


@pytest.mark.parametrize(("text", "number"), [("1h", 3600), ("1h30m", 5400), ("900s", 900), ("1", None), ("x", None)])
def test_durations(text: str, number: int | None) -> None:
    assert settings.seconds(text) == number


def test_the_life_of_a_row(aws: Aws) -> None:
    table: Any = run.client(aws.instance, "dynamodb")
    it, key = Rows(configured(aws)), unique("row")
    wanted = struct({"table": platform.NAME, "hashKey": "pathspec", "key": key})

    def written(**more: Any) -> bool:
        given = {"TableName": platform.NAME, "Key": {"pathspec": {"S": key}}}
        if more:
            table.put_item(TableName=platform.NAME, Item={"pathspec": {"S": key}, **more})
        return "Item" in table.get_item(**given)

    inputs, problems = it.check(ROW, Struct(), wanted)
    assert problems == []
    assert written(left={"S": "by an earlier one"})
    assert it.create(ROW, inputs, 0, preview=True)[0] == ""
    assert written()
    identifier, state = it.create(ROW, inputs, 0, preview=False)
    assert not written()
    assert written(came={"S": "secret"})
    found = it.read(ROW, identifier, state, inputs)
    assert (found.identifier, found.properties, found.inputs) == (identifier, state, inputs)
    assert it.diff(ROW, state, inputs).changes == []
    other, _ = it.check(ROW, inputs, struct({"table": "other-table", "hashKey": "pathspec", "key": key}))
    assert [(each.path, each.replaces) for each in it.diff(ROW, state, other).changes] == [("table", True)]
    it.delete(ROW, identifier, 0)
    assert not written()
    it.delete(ROW, identifier, 0)


def test_a_row_of_a_table_that_is_gone(aws: Aws) -> None:
    it = Rows(configured(aws))
    inputs, _ = it.check(ROW, Struct(), struct({"table": "gone-table", "hashKey": "pathspec", "key": "a|b"}))
    with pytest.raises(AwsError, match="emptying a row of the table gone-table: ResourceNotFoundException"):
        it.create(ROW, inputs, 0, preview=False)
    it.delete(ROW, f"{identity.REGION}|gone-table|pathspec|a|b", 0)
    _, problems = it.check(ROW, Struct(), struct({"table": "gone-table"}))
    assert [problem.path for problem in problems] == ["hashKey", "key"]
    with pytest.raises(AwsError, match="cannot be imported"):
        it.read(ROW, "a|b|c|d", Struct(), Struct())
