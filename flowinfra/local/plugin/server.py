"""The plugin's gRPC side: what the engine asks of the embedded AWS."""

from __future__ import annotations

import os

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from flowinfra.local.plugin import settings, unmade
from flowinfra.local.plugin.cloud import CloudError
from flowinfra.local.plugin.naming import Naming
from flowinfra.local.plugin.provider import Provider
from flowinfra.local.plugin.registry import is_known
from flowinfra.plugin import serving
from flowinfra.plugin.servicer import PluginServicer, check_response, clear_errors, diff_response, resource_type
from flowinfra.plugin.wire import decode_struct

_NAMING_MODES = {
    provider_pb2.CheckRequest.AutonamingOptions.PROPOSE: "propose",
    provider_pb2.CheckRequest.AutonamingOptions.ENFORCE: "enforce",
    provider_pb2.CheckRequest.AutonamingOptions.DISABLE: "disable",
}


class Servicer(PluginServicer):
    """The engine's calls. They may come in parallel."""

    plugin = "aws"
    title = "the local aws plugin"
    told = (CloudError,)

    def __init__(self, engine: str) -> None:
        """`engine` is the address of the engine's log; empty for none."""
        self._engine = engine
        self._provider = Provider(None)
        self._announced = False

    @clear_errors
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Refuse what is not the embedded AWS."""
        return check_response(request.news, settings.problems(decode_struct(request.news), os.environ))

    @clear_errors
    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the configuration; refuse again what CheckConfig refuses (state may hold an old one)."""
        config = decode_struct(request.args)
        for problem in settings.problems(config, os.environ):
            raise CloudError(problem.reason)
        known = settings.settings(config, os.environ)
        self._provider = Provider(known)
        if known is not None:
            self._provider.cloud.refuse_wrong_account()
            self._announce(known)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def _announce(self, known: settings.Settings) -> None:
        if self._announced or not self._engine:
            return
        self._announced = True
        places = ", ".join(sorted(set(known.endpoints.values())))
        serving.log(self._engine, f"local stand-in for pulumi-aws: talks to {places} only")

    @clear_errors
    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Complete and check inputs."""
        token = resource_type(request)
        if not is_known(token):
            serving.log(self._engine, unmade.warning(token), warning=True, urn=request.urn)
        names = Naming(
            name=request.name or request.urn.rsplit("::", 1)[-1],
            seed=request.randomSeed,
            mode=_NAMING_MODES.get(request.autonaming.mode, "")  # type: ignore[arg-type]
            if request.HasField("autonaming")
            else "",
            proposed=request.autonaming.proposed_name,
        )
        return check_response(*self._provider.check(token, names, request.olds, request.news))

    @clear_errors
    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """What an update would change, path by path."""
        difference = self._provider.diff(resource_type(request), request.olds, request.news)
        replaces = (change.top for change in difference.changes if change.replaces)
        return diff_response(difference.changes, replaces, delete_first=difference.delete_first)

    @clear_errors
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make a resource, or say what is known of it before."""
        identifier, state = self._provider.create(
            resource_type(request), request.properties, preview=request.preview, urn=request.urn
        )
        return provider_pb2.CreateResponse(id=identifier, properties=state)

    @clear_errors
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change a resource in place, or say what would be known of it."""
        state = self._provider.update(
            resource_type(request), request.id, request.olds, request.news, preview=request.preview
        )
        return provider_pb2.UpdateResponse(properties=state)

    @clear_errors
    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Read a resource for a refresh or an import."""
        found = self._provider.read(resource_type(request), request.id, request.properties, request.inputs)
        return provider_pb2.ReadResponse(id=found.identifier, properties=found.properties, inputs=found.inputs)

    @clear_errors
    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Remove a resource."""
        self._provider.delete(resource_type(request), request.id, request.properties)
        return empty_pb2.Empty()

    @clear_errors
    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """Answer a function."""
        answer = provider_pb2.InvokeResponse()
        # `return` is a word of Python.
        getattr(answer, "return").CopyFrom(self._provider.invoke(request.tok, request.args))
        return answer


def _forget_account() -> None:
    """Keep every trace of a real AWS account out: no profile, no shared file, no instance metadata."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }


def main(arguments: list[str]) -> None:
    """Serve until the engine goes; prints the port, as the engine expects."""
    _forget_account()
    serving.serve(arguments, Servicer)
