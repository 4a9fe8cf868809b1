"""The plugin's gRPC side: what the engine asks of state machines, and of rows of tables."""

from __future__ import annotations

import os
from importlib.metadata import version

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from pulumi.runtime.proto import provider_pb2

from flowinfra.aws_plugin import PACKAGE, ROW, settings
from flowinfra.aws_plugin.provider import Provider
from flowinfra.aws_plugin.rows import Rows
from flowinfra.aws_plugin.session import AwsError
from flowinfra.plugin.servicer import PluginServicer, check_response, clear_errors, diff_response, resource_type
from flowinfra.plugin.wire import decode_struct


class Servicer(PluginServicer):
    """The engine's calls. They may come in parallel."""

    plugin = PACKAGE
    title = f"the provider {PACKAGE}"
    told = (AwsError,)

    def __init__(self, engine: str) -> None:
        """`engine` is the address of the engine's log, which is not spoken to."""
        self._provider, self._rows = Provider(None), Rows(None)

    @clear_errors
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Refuse a configuration that cannot be."""
        return check_response(request.news, settings.problems(decode_struct(request.news)))

    @clear_errors
    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the configuration."""
        found = settings.settings(decode_struct(request.args), os.environ)
        self._provider, self._rows = Provider(found), Rows(found)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @clear_errors
    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Complete and check inputs."""
        return check_response(*self._of(request).check(resource_type(request), request.olds, request.news))

    @clear_errors
    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """What an update would change, path by path."""
        difference = self._of(request).diff(resource_type(request), request.olds, request.news)
        replaces = (change.top for change in difference.changes if change.replaces)
        return diff_response(difference.changes, replaces, delete_first=difference.delete_first)

    @clear_errors
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make a resource, or say what is known of it before."""
        identifier, state = self._of(request).create(
            resource_type(request), request.properties, request.timeout, preview=request.preview
        )
        return provider_pb2.CreateResponse(id=identifier, properties=state)

    @clear_errors
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change a resource in place, or say what would be known of it."""
        state = self._of(request).update(
            resource_type(request), request.id, request.olds, request.news, request.timeout, preview=request.preview
        )
        return provider_pb2.UpdateResponse(properties=state)

    @clear_errors
    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Read a resource for a refresh or an import."""
        found = self._of(request).read(resource_type(request), request.id, request.properties, request.inputs)
        return provider_pb2.ReadResponse(id=found.identifier, properties=found.properties, inputs=found.inputs)

    @clear_errors
    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Remove a resource."""
        self._of(request).delete(resource_type(request), request.id, request.timeout)
        return empty_pb2.Empty()

    def Cancel(self, request: Message, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """End all waiting."""
        self._provider.cancelled.set()
        return empty_pb2.Empty()

    def _of(self, request: Message) -> Provider | Rows:
        """Who knows the type of a resource."""
        return self._rows if resource_type(request) == ROW else self._provider

    def _version(self) -> str:
        return version("flowinfra")
