"""The engine's questions about a state machine. No gRPC here.

Property maps stay in the engine's own form and only what changes is replaced, so that secrets and unknown values go
through untouched. An update works on what AWS has at that moment, not on what the state says of it: one that failed
is made good by the next, whatever of it had been done.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from google.protobuf.struct_pb2 import Struct

from flowinfra.aws_plugin import ROW, STATE_MACHINE
from flowinfra.aws_plugin.machines import OFF, PATIENCE, Machine, Machines, Patience
from flowinfra.aws_plugin.session import AwsError, Clients
from flowinfra.aws_plugin.settings import Settings
from flowinfra.plugin.answers import Difference, Reading
from flowinfra.plugin.checks import arn, length, matches, one_of
from flowinfra.plugin.failure import PartialFailureError
from flowinfra.plugin.schema import Problem, block, differences, flag, problems, strings, text
from flowinfra.plugin.wire import UNKNOWN, Plain, decode_struct, encode, has_secret, has_unknown

_DEFINITION_LIMIT = 1024 * 1024
PROPERTIES = {
    "definition": text(length(1, _DEFINITION_LIMIT), required=True),
    "loggingConfiguration": block(
        {
            "includeExecutionData": flag(),
            "level": text(one_of(["ALL", "ERROR", "FATAL", "OFF"]), required=True),
            "logDestination": text(),
        }
    ),
    "name": text(
        length(1, 80),
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
        matches(r"""^[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]+$""", "AWS takes no spaces and none of "
                '<>{}[]?*"#%\\^|~`$&,;:/'),
        required=True,
        replaces=True,
    ),
    "region": text(computed=True, replaces=True),
    "roleArn": text(arn, required=True),
    "tags": strings(),
    "tagsAll": strings(computed=True),
    "type": text(one_of(["STANDARD", "EXPRESS"]), replaces=True),
}  # fmt: skip
_FILLED_IN = ("loggingConfiguration", "region", "tagsAll", "type")


class Provider:
    """A configured provider. Safe for many threads."""

    def __init__(self, settings: Settings | None) -> None:
        self._settings = settings
        self._clients = Clients(settings) if settings else None
        self.cancelled = threading.Event()
        """Ends all waiting."""

    def check(self, token: str, olds: Struct, news: Struct) -> tuple[Struct, list[Problem]]:
        """Complete the inputs and say what is wrong with them; a definition that changed is shown to AWS."""
        _known(token)
        old, new = decode_struct(olds), decode_struct(news)
        self._fill(new)
        inputs = Struct()
        inputs.CopyFrom(news)
        for name in _FILLED_IN:
            secret = name == "tagsAll" and "tags" in news.fields and has_secret(news.fields["tags"])
            inputs.fields[name].CopyFrom(encode(new[name], secret=secret))
        found = list(problems(PROPERTIES, new))
        if not found and new["definition"] is not UNKNOWN and new["definition"] != old.get("definition"):
            found += self._definition_problems(str(new["definition"]), new["type"])
        return inputs, found

    def _fill(self, new: dict[str, Plain]) -> None:
        if "type" not in new:
            new["type"] = "STANDARD"
        logging = new.get("loggingConfiguration")
        if logging is None:
            new["loggingConfiguration"] = dict(OFF)
        elif isinstance(logging, dict) and "level" in logging:
            new["loggingConfiguration"] = {**OFF, **logging}
        tags = new.get("tags")
        plain = tags if tags is UNKNOWN or isinstance(tags, dict) else {}
        new["tagsAll"] = self._settings.tags_all(plain) if self._settings else UNKNOWN
        # never the program's to say: an import hands it back
        new["region"] = self._clients.region if self._clients else UNKNOWN

    def _definition_problems(self, definition: str, kind: Plain) -> list[Problem]:
        if self._clients is None or kind is UNKNOWN:
            return []
        found = self._machines(self._clients.region).problems(definition, kind)
        if not found:
            return []
        return [Problem("definition", "invalid state machine definition: " + "\n".join(found))]

    def diff(self, token: str, olds: Struct, news: Struct) -> Difference:
        """What an update from this state to these inputs would change."""
        _known(token)
        old, new = decode_struct(olds), decode_struct(news)
        found = differences(PROPERTIES, old, new)
        replaced = any(change.replaces for change in found)
        same_place = all(old.get(key) == new.get(key) for key in ("name", "region"))
        return Difference(found, delete_first=replaced and same_place)

    def create(self, token: str, properties: Struct, timeout: float, *, preview: bool) -> tuple[str, Struct]:
        """Make it: (ARN, state)."""
        _known(token)
        if preview:
            return "", _state(properties, UNKNOWN)
        wanted = _machine(decode_struct(properties))
        region = self._configured().region
        machines = self._machines(region)
        if (there := self._there(machines, region, wanted)) is not None and not _equals(there, wanted):
            raise AwsError(
                f"creating state machine {wanted.name}: StateMachineAlreadyExists: State Machine Already Exists: "
                f"'{there.arn}'"
            )
        identifier = machines.create(wanted, self._patience(timeout))
        return identifier, _state(properties, identifier)

    def _there(self, machines: Machines, region: str, wanted: Machine) -> Machine | None:
        """The state machine of that name: AWS takes the creation of an equal one for the same, without its tags.

        One that is equal with its tags is the stack's: it was taken over just before.
        """
        _, partition, _, _, account, _ = wanted.role_arn.split(":", 5)
        return machines.find(f"arn:{partition}:states:{region}:{account}:stateMachine:{wanted.name}")

    def update(
        self, token: str, identifier: str, olds: Struct, news: Struct, timeout: float, *, preview: bool
    ) -> Struct:
        """Change it in place: its new state."""
        _known(token)
        state = _state(news, identifier)
        if preview:
            return state
        wanted = _machine(decode_struct(news))
        machines = self._machines(_region(identifier))
        live = machines.find(identifier)
        if live is None:
            raise AwsError(
                f"updating state machine {identifier}: it is gone. `pulumi up --refresh` sees that, and makes it again"
            )
        try:
            machines.update(live, wanted, self._patience(timeout))
            machines.tag(live, wanted.tags, self._ours)
        except AwsError as error:
            self._tell_what_is_there(machines, live, error, olds, news)
            raise
        return state

    def _tell_what_is_there(
        self, machines: Machines, before: Machine, error: AwsError, olds: Struct, news: Struct
    ) -> None:
        """Report a failed update: what it has changed goes into the state; without a change the old state stays."""
        try:
            now = machines.find(before.arn)
        except AwsError:
            return
        if now is None or now == before:
            return
        state = _merged(news, olds, {**self._properties(now, decode_struct(news)), "arn": now.arn})
        raise PartialFailureError(str(error), before.arn, state, news) from error

    def read(self, token: str, identifier: str, properties: Struct, inputs: Struct) -> Reading:
        """What AWS has: to refresh a known one, or (with nothing known) to import one."""
        _known(token)
        if not identifier.startswith("arn:"):
            raise AwsError(
                f"{identifier!r} is not an ARN of a state machine: give arn:aws:states:REGION:ACCOUNT:stateMachine:NAME"
            )
        found = self._machines(_region(identifier)).find(identifier)
        if found is None:
            return Reading()
        known = decode_struct(inputs) or decode_struct(properties)
        live = self._properties(found, known)
        return Reading(
            found.arn, _merged(properties, properties, {**live, "arn": found.arn}), _merged(inputs, inputs, live)
        )

    def _properties(self, live: Machine, known: Mapping[str, Plain]) -> dict[str, Plain]:
        """A state machine of AWS as inputs."""
        settings = self._configured().settings
        tags = {key: value for key, value in live.tags.items() if self._ours(key)}
        given = known.get("tags")
        own = settings.own_tags(tags, given if isinstance(given, dict) else {})
        found: dict[str, Plain] = {
            "definition": live.definition,
            "loggingConfiguration": dict(live.logging),
            "name": live.name,
            "region": _region(live.arn),
            "roleArn": live.role_arn,
            "tagsAll": tags,
            "type": live.kind,
        }
        return {**found, "tags": own} if own or given is not None else found

    def delete(self, token: str, identifier: str, timeout: float) -> None:
        """Remove it."""
        _known(token)
        self._machines(_region(identifier)).delete(identifier, self._patience(timeout))

    def _ours(self, key: str) -> bool:
        return not self._configured().settings.ignores(key)

    def _machines(self, region: str) -> Machines:
        return Machines(self._configured().stepfunctions(region))

    def _configured(self) -> Clients:
        if self._clients is None:
            raise AwsError("the configuration of the flowinfra-aws provider is not known yet")
        return self._clients

    def _patience(self, timeout: float) -> Patience:
        return Patience(timeout or PATIENCE, self.cancelled)


def _equals(there: Machine, wanted: Machine) -> bool:
    tagged = bool(wanted.tags) and wanted.tags.items() <= there.tags.items()
    return tagged and there.kind == wanted.kind and there.same_but_tags(wanted)


def _known(token: str) -> None:
    if token != STATE_MACHINE:
        raise AwsError(f"the provider flowinfra-aws has no resource type {token!r}; it has {STATE_MACHINE} and {ROW}")


def _machine(inputs: Mapping[str, Plain]) -> Machine:
    """What is wanted; all of it is known."""
    if has_unknown(dict(inputs)):
        raise AwsError("a value of the state machine is not known")
    return Machine(
        name=inputs["name"],
        definition=inputs["definition"],
        role_arn=inputs["roleArn"],
        kind=inputs["type"],
        logging=inputs["loggingConfiguration"],
        tags=inputs["tagsAll"],
    )


def _region(identifier: str) -> str:
    return identifier.split(":")[3]


def _state(inputs: Struct, identifier: Plain) -> Struct:
    state = Struct()
    state.CopyFrom(inputs)
    state.fields["arn"].CopyFrom(encode(identifier))
    return state


def _merged(base: Struct, older: Struct, found: Mapping[str, Plain]) -> Struct:
    """AWS's values; where they are those that were known, as those were given. What was secret stays it."""
    merged = Struct()
    for name, value in found.items():
        known = next((struct.fields[name] for struct in (base, older) if name in struct.fields), None)
        if known is not None and decode_struct(Struct(fields={name: known})).get(name) == value:
            merged.fields[name].CopyFrom(known)
        else:
            merged.fields[name].CopyFrom(encode(value, secret=known is not None and has_secret(known)))
    return merged
