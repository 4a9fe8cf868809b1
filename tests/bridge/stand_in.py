"""The provider of tools/bridge-probe in Python, on what the local aws plugin is made of: `provider.py` and `server.py`.

Resources, their guards and the cloud (a JSON file) are those of `main.go` there; only what is between the engine and
them differs. What differs in a story is the fault of the local plugin.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2

from flowinfra.local.plugin import registry
from flowinfra.local.plugin.cloud import CloudError, PartialError, Scope
from flowinfra.local.plugin.provider import Provider
from flowinfra.local.plugin.resource import Created, Resource, State
from flowinfra.local.plugin.server import Servicer
from flowinfra.local.plugin.settings import Settings, parse
from flowinfra.plugin import serving
from flowinfra.plugin.checks import matches
from flowinfra.plugin.schema import Prop, Schema, block, flag, text
from flowinfra.plugin.servicer import check_response, clear_errors
from flowinfra.plugin.wire import UNKNOWN, Asset, decode_struct

_ALONE = threading.Lock()
"""Lets one call at a time have the file."""
_NAME = matches(r"^[^.]*$", "must not contain a dot")


class Cloud:
    """The JSON file."""

    def __init__(self) -> None:
        self._path = Path(os.environ["PROBE_CLOUD"])
        found = json.loads(self._path.read_text()) if self._path.exists() else {}
        self.things: dict[str, dict[str, Any]] = found.get("things", {})
        self._calls: list[str] = found.get("calls", [])

    def save(self) -> None:
        """Write it."""
        self._path.write_text(json.dumps({"things": self.things, "calls": self._calls}))

    def ask(self, call: str, name: str, doing: str) -> None:
        """Note a call, and refuse it if it is the one that fails."""
        self._calls.append(f"{call} {name}")
        self.save()
        failing = self._path.with_name(f"{self._path.name}.fail")
        if failing.exists() and failing.read_text().strip() == call:
            raise CloudError(f"{doing} Thing ({name}): AccessDeniedException: {call} is refused")


class Thing(Resource):
    """What the resources have in common."""

    settings: tuple[str, ...] = ()
    revised = False

    def problems(self, new: State, old: State) -> Iterator[Any]:
        """None but those of the schema."""
        return iter(())

    def unknown(self, old: State, new: State, changed: Collection[str]) -> Collection[str]:
        """A change of the settings has a number."""
        return ("revision",) if self.revised and set(changed) & set(self.settings) else ()

    def create(self, aws: Scope, new: State) -> Created:
        """Make it; with `create-after` fail when it is there."""
        with _ALONE:
            return self._create(new)

    def _create(self, new: State) -> Created:
        cloud, name = Cloud(), new["name"]
        cloud.ask("create", name, "creating")
        if name in cloud.things:
            raise CloudError(f"creating Thing ({name}): AlreadyExists: it is there")
        self._write(cloud, name, new)
        try:
            cloud.ask("create-after", name, "waiting for")
        except CloudError as error:
            raise PartialError(str(error), name, {}) from error
        cloud.things[name]["tags"] = new["tagsAll"]
        cloud.save()
        return Created(name, self._outputs(cloud, name))

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """What is there."""
        with _ALONE:
            cloud = Cloud()
        thing = cloud.things.get(identifier)
        if thing is None:
            return None
        told = {name: thing.get(name) for name in self.settings if not self.schema.properties[name].unread}
        return {**told, "name": identifier, **self._outputs(cloud, identifier), "tagsAll": thing.get("tags") or {}}

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """Settings as a whole, then tags."""
        with _ALONE:
            return self._update(identifier, new, changed)

    def _update(self, identifier: str, new: State, changed: Collection[str]) -> dict[str, Any]:
        cloud = Cloud()
        if set(changed) - {"tags", "tagsAll"}:
            cloud.ask("update", identifier, "updating")
            self._write(cloud, identifier, new)
        if "tagsAll" in changed:
            cloud.ask("tag", identifier, "tagging")
            cloud.things[identifier]["tags"] = new["tagsAll"]
            cloud.save()
        return self._outputs(cloud, identifier)

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Remove it."""
        with _ALONE:
            cloud = Cloud()
            cloud.ask("delete", identifier, "deleting")
            cloud.things.pop(identifier, None)
            cloud.save()

    def _write(self, cloud: Cloud, name: str, new: State) -> None:
        thing = cloud.things.setdefault(name, {})
        thing.update({setting: new.get(setting) for setting in self.settings})
        if isinstance(source := new.get("source"), Asset):
            thing["source"] = source.read().decode()
        if self.revised:
            thing["revision"] = thing.get("revision", 0) + 1
        cloud.save()

    def _outputs(self, cloud: Cloud, name: str) -> dict[str, Any]:
        return {"revision": cloud.things[name]["revision"]} if self.revised else {}


def _schema(outputs: tuple[str, ...] = (), **more: Prop) -> Schema:
    name = text(_NAME, required=True, replaces=True)
    return Schema("Thing", {"name": name, **more}, outputs, identity=None, regional=False)


class Machine(Thing):
    """As a state machine."""

    settings = ("definition", "logging", "mode")
    schema = _schema(
        definition=text(required=True),
        mode=text(default="STANDARD", replaces=True),
        logging=block({"level": text(), "detail": flag()}, computed=True),
    )


class Job(Thing):
    """As a job definition."""

    settings = ("properties",)
    revised = True
    schema = _schema(("revision",), properties=text(required=True))


class Object(Thing):
    """As an object, whose content is not told."""

    settings = ("content",)
    schema = _schema(content=text(unread=True), source=Prop("asset", unread=True))


class ProbeServicer(Servicer):
    """The local aws plugin's own, with another configuration."""

    plugin = "probe"
    title = "the stand-in"

    def _version(self) -> str:
        return "0.0.1"

    @clear_errors
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Anything is right."""
        return check_response(request.news, ())

    @clear_errors
    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the default tags."""
        tags = parse(decode_struct(request.args).get("defaultTags")) or {}
        known = None if tags is UNKNOWN else Settings("us-east-1", {"": "http://127.0.0.1:9"}, "", "", tags)
        self._provider = Provider(known)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)


def main() -> None:
    """Serve; the registry finds the resources in a module beside the services."""
    sys.modules["flowinfra.local.plugin.services.probe"] = sys.modules["__main__"]
    for kind in (Machine, Job, Object):
        registry.RESOURCES[f"probe:index/{kind.__name__.lower()}:{kind.__name__}"] = f"probe:{kind.__name__}"
    serving.serve(sys.argv[1:], ProbeServicer)


if __name__ == "__main__":
    main()
