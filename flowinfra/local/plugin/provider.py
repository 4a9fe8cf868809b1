"""The engine's questions about one resource, answered from its schema and its class. No gRPC here.

Property maps stay in the engine's own form and only what changes is replaced, so that secrets, unknown values
and assets go through untouched.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from google.protobuf.struct_pb2 import Struct, Value

from flowinfra.local.plugin import naming, unmade
from flowinfra.local.plugin.cloud import Cloud, CloudError, PartialError
from flowinfra.local.plugin.naming import Naming
from flowinfra.local.plugin.registry import function, is_known, resource
from flowinfra.local.plugin.resource import Resource
from flowinfra.local.plugin.settings import Settings
from flowinfra.plugin.answers import Difference, Reading
from flowinfra.plugin.failure import PartialFailureError
from flowinfra.plugin.schema import Change, Problem, differences, empty, problems, same
from flowinfra.plugin.wire import UNKNOWN, Asset, Plain, decode_struct, encode, has_secret

_DEFAULTS = "__defaults"
"""Names of the inputs that the provider filled in, as Pulumi's bridge keeps them."""


class Provider:
    """A configured provider. Safe for many threads."""

    def __init__(self, settings: Settings | None) -> None:
        self._settings = settings
        self._cloud = Cloud(settings) if settings else None

    @property
    def cloud(self) -> Cloud:
        """The embedded AWS."""
        if self._cloud is None:
            raise CloudError("the configuration of the aws provider is not known yet")
        return self._cloud

    def check(self, token: str, names: Naming, olds: Struct, news: Struct) -> tuple[Struct, list[Problem]]:
        """Complete the inputs of a resource and say what is wrong with them."""
        if not is_known(token):
            return news, []
        kind = resource(token)
        old, new = decode_struct(olds), decode_struct(news)
        _open_files(new)
        inputs = Struct()
        inputs.CopyFrom(news)
        found: list[Problem] = []
        filled = sorted(self._fill(kind, names, old, new, found))
        self._fill_common(kind, new)
        # What follows from other inputs is never the program's to say: an import hands it back.
        for name in [*filled, "tagsAll", "region"]:
            if name in new and (name not in news.fields or name == "tagsAll"):
                inputs.fields[name].CopyFrom(encode(new[name], secret=_derived_secret(kind, name, news)))
        inputs.fields[_DEFAULTS].CopyFrom(encode(filled))
        given = {name: value for name, value in new.items() if name != "tagsAll"}
        found.extend(problems(kind.schema.properties, given))
        if not found:
            found.extend(kind.problems(new, old))
        return inputs, found

    def _fill(
        self,
        kind: Resource,
        names: Naming,
        old: Mapping[str, Plain],
        new: dict[str, Plain],
        found: list[Problem],
    ) -> set[str]:
        filled = set()
        for name, prop in kind.schema.properties.items():
            if prop.default is not None and name not in new:
                new[name] = prop.default
                filled.add(name)
        identity = kind.schema.identity
        if identity is None or identity in new or f"{identity}Prefix" in new:
            return filled
        if identity in old.get(_DEFAULTS, ()) and identity in old:
            new[identity] = old[identity]
        else:
            try:
                new[identity] = kind.made_up_name(names, new)
            except naming.NamingError as error:
                found.append(Problem(identity, str(error)))
                return filled
        filled.add(identity)
        return filled

    def _fill_common(self, kind: Resource, new: dict[str, Plain]) -> None:
        settings = self._settings
        if kind.schema.tagged:
            tags = new.get("tags")
            # What a tag may not be is for the schema to say.
            plain = tags if tags is UNKNOWN or isinstance(tags, dict) else {}
            new["tagsAll"] = settings.tags_all(plain) if settings else UNKNOWN
        if kind.schema.regional and "region" not in new:
            new["region"] = settings.region if settings else UNKNOWN

    def diff(self, token: str, olds: Struct, news: Struct) -> Difference:
        """What an update from this state to these inputs would change."""
        if not is_known(token):
            return Difference(unmade.changes(olds, news))
        kind = resource(token)
        old, new = decode_struct(olds), decode_struct(news)
        found = self._changes(kind, old, new)
        if found and not any(change.replaces for change in found):
            # as the bridge: what the update makes anew differs too
            new_outputs = set(kind.unknown(old, new, {change.top for change in found})) & olds.fields.keys()
            told = {change.top for change in found}
            found += [Change(name, "update", replaces=False) for name in sorted(new_outputs - told)]
        identity = kind.schema.identity
        delete_first = (
            any(change.replaces for change in found)
            and identity is not None
            and identity not in new.get(_DEFAULTS, ())
            and new.get(identity) is not None
            and new.get(identity) == old.get(identity)
        )
        return Difference(found, delete_first)

    def _changes(self, kind: Resource, old: Mapping[str, Plain], new: Mapping[str, Plain]) -> list[Change]:
        return kind.changes(old, new, differences(kind.schema.properties, old, new))

    def create(self, token: str, properties: Struct, *, preview: bool, urn: str = "") -> tuple[str, Struct]:
        """Make a resource: (id, state)."""
        if not is_known(token):
            region, account = ("", "") if preview else (self.cloud.settings.region, self.cloud.identity()["Account"])
            return unmade.create(token, urn, properties, region, account, preview=preview)
        kind = resource(token)
        new = decode_struct(properties)
        state = _state(properties)
        if preview:
            for name in (*kind.schema.outputs, *_computed(kind, new)):
                state.fields[name].CopyFrom(encode(UNKNOWN))
            return "", state
        try:
            made = kind.create(self.cloud.within(new.get("region")), new)
        except PartialError as error:
            _put(kind, state, error.outputs, properties)
            raise PartialFailureError(str(error), error.identifier, state, properties) from error
        _put(kind, state, made.outputs, properties)
        return made.identifier, state

    def update(self, token: str, identifier: str, olds: Struct, news: Struct, *, preview: bool) -> Struct:
        """Change a resource in place: its new state."""
        if not is_known(token):
            return unmade.update(olds, news)
        kind = resource(token)
        old, new = decode_struct(olds), decode_struct(news)
        changed = {change.top for change in self._changes(kind, old, new)}
        state = _state(news)
        for name in (*kind.schema.outputs, *_computed(kind, new)):
            if name in olds.fields:
                state.fields[name].CopyFrom(olds.fields[name])
        if preview:
            for name in kind.unknown(old, new, changed):
                state.fields[name].CopyFrom(encode(UNKNOWN))
            return state
        try:
            outputs = kind.update(self.cloud.within(new.get("region")), identifier, old, new, changed)
        except CloudError as error:
            # The state says from now on that what was asked for was done: an update of upstream that fails without
            # `d.Partial(true)` leaves the planned state (bridge `pkg/tfbridge/provider.go`, Update).
            _put(kind, state, error.outputs if isinstance(error, PartialError) else {}, news)
            raise PartialFailureError(str(error), identifier, state) from error
        _put(kind, state, outputs, news)
        # every update of upstream ends with a read
        known = decode_struct(state)
        found = self._found(kind, identifier, known)
        return state if found is None else _merged(kind, state, known, found)

    def read(self, token: str, identifier: str, properties: Struct, inputs: Struct) -> Reading:
        """What AWS has: to refresh a known resource, or (with nothing known) to import one."""
        if not is_known(token):
            return Reading(identifier, unmade.read(token, properties), inputs)
        kind = resource(token)
        old = decode_struct(properties)
        found = self._found(kind, identifier, old)
        if found is None:
            return Reading()
        state = _merged(kind, properties, old, found)
        known = decode_struct(inputs)
        if known:
            return Reading(identifier, state, _refreshed(kind, inputs, known, found))
        # as the bridge: what has its default is no input of an import
        known_inputs = kind.schema.properties
        settable = {
            name: value
            for name, value in found.items()
            if name in known_inputs and not empty(value) and value != known_inputs[name].default
        }
        imported = Struct(fields={name: encode(value) for name, value in settable.items()})
        imported.fields[_DEFAULTS].CopyFrom(encode([]))
        return Reading(str(found.get("id", identifier)), state, imported)

    def _found(self, kind: Resource, identifier: str, old: Mapping[str, Plain]) -> dict[str, Plain] | None:
        """All properties of a resource as AWS has them; what it does not tell is as in the state."""
        aws = self.cloud.within(old.get("region"))
        found = kind.read(aws, identifier, old)
        if found is not None:
            self._finish(kind, found, old, aws.region)
        return found

    def _finish(self, kind: Resource, found: dict[str, Plain], old: Mapping[str, Plain], region: str) -> None:
        if kind.schema.tagged:
            settings = self.cloud.settings
            tags = {key: value for key, value in (found.get("tagsAll") or {}).items() if not settings.ignores(key)}
            own = settings.own_tags(tags)
            # A tag that the program gives itself stays its own, even where it repeats a default one.
            own |= {key: tags[key] for key in old.get("tags") or {} if key in tags}
            found |= {"tagsAll": tags, "tags": own}
        if kind.schema.regional:
            found["region"] = region
        for name, prop in kind.schema.properties.items():
            if name not in found and (prop.unread or prop.default is not None):
                found[name] = old.get(name, prop.default)

    def delete(self, token: str, identifier: str, properties: Struct) -> None:
        """Remove a resource."""
        if not is_known(token):
            return
        old = decode_struct(properties)
        resource(token).delete(self.cloud.within(old.get("region")), identifier, old)

    def invoke(self, token: str, arguments: Struct) -> Struct:
        """Answer a function (`aws:index/getRegion:getRegion`)."""
        plain = decode_struct(arguments)
        answer = function(token)(self.cloud.within(plain.get("region")), plain)
        return Struct(fields={name: encode(value) for name, value in answer.items() if value is not None})


def _open_files(inputs: Mapping[str, Plain]) -> None:
    """Open the file of each asset, also of one that did not change, and keep a copy by its hash.

    As the bridge does (`pkg/tfbridge/info/assets.go`): only where there is a copy is the file not opened.
    """
    for asset in inputs.values():
        if not isinstance(asset, Asset) or not asset.path:
            continue
        copy = Path(tempfile.gettempdir()) / f"pulumi-asset-{asset.hash}"
        if asset.hash and copy.is_file() and copy.stat().st_size:
            continue
        try:
            content = asset.read()
        except OSError as error:
            raise CloudError(f"failed to open asset file '{asset.path}': {error.strerror}") from error
        handle, beside = tempfile.mkstemp(prefix="pulumi-temp-asset")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).replace(copy)


def _computed(kind: Resource, new: Mapping[str, Plain]) -> list[str]:
    return [name for name, prop in kind.schema.properties.items() if prop.computed and name not in new]


def _state(inputs: Struct) -> Struct:
    state = Struct()
    state.CopyFrom(inputs)
    state.fields.pop(_DEFAULTS, None)
    return state


def _derived_secret(kind: Resource, name: str, source: Struct) -> bool:
    # The bridge sees no secrets at check, so `tagsAll` is none (pulumi-aws `provider/tags.go`).
    origin = kind.derived.get(name)
    return origin is not None and origin in source.fields and has_secret(source.fields[origin])


def _put(kind: Resource, state: Struct, outputs: Mapping[str, Plain], inputs: Struct) -> None:
    for name, value in outputs.items():
        if value is None:
            state.fields.pop(name, None)
        else:
            state.fields[name].CopyFrom(encode(value, secret=_derived_secret(kind, name, inputs)))


def _merged(kind: Resource, properties: Struct, old: Mapping[str, Plain], found: Mapping[str, Plain]) -> Struct:
    """The state with AWS's values, where they say something else than the old ones."""
    state = Struct()
    for name, value in found.items():
        if name == "id" or value is None:
            continue
        prop = kind.schema.properties.get(name)
        known = _field(properties, name)
        unchanged = old.get(name) == value or (
            prop is not None and known is not None and same(prop, old.get(name), value)
        )
        if known is not None and unchanged:
            state.fields[name].CopyFrom(known)
        else:
            secret = known is not None and has_secret(known)
            state.fields[name].CopyFrom(encode(value, secret=secret or _derived_secret(kind, name, properties)))
    return state


def _refreshed(kind: Resource, inputs: Struct, known: Mapping[str, Plain], found: Mapping[str, Plain]) -> Struct:
    """The inputs as AWS's values would have them: what a refresh shows as drift."""
    refreshed = Struct()
    if _DEFAULTS in inputs.fields:
        refreshed.fields[_DEFAULTS].CopyFrom(inputs.fields[_DEFAULTS])
    for name, prop in kind.schema.properties.items():
        given, actual = known.get(name), found.get(name)
        if prop.kind == "map" and given and actual:
            # as the bridge: what somebody else added to a map is in the state's outputs, and no input
            actual = {key: value for key, value in actual.items() if key in given}
        if name in known and (given == actual or same(prop, actual, given)):
            refreshed.fields[name].CopyFrom(inputs.fields[name])
        elif actual is not None and (name in known or not (prop.computed or empty(actual))):
            refreshed.fields[name].CopyFrom(encode(actual, secret=name in known and has_secret(inputs.fields[name])))
    return refreshed


def _field(struct: Struct, name: str) -> Value | None:
    # `fields.get` of a protobuf map would put an empty value there.
    return struct.fields[name] if name in struct.fields else None  # noqa: SIM401
