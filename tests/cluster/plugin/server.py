"""The plugin's gRPC side: what the engine asks of a cluster."""

from __future__ import annotations

import os
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from flowinfra.plugin import serving
from flowinfra.plugin.servicer import PluginServicer, check_response, clear_errors, diff_response, resource_type
from flowinfra.plugin.wire import decode_struct
from tests.cluster.plugin import access
from tests.cluster.plugin.access import UnreachableError
from tests.cluster.plugin.provider import Provider, ProviderError
from tests.cluster.rig.api import ApiError


class Servicer(PluginServicer):
    """The engine's calls. They may come in parallel."""

    plugin = "kubernetes"
    title = "the local kubernetes plugin"
    told = (ProviderError, ApiError)

    def __init__(self, engine: str) -> None:
        """`engine` is the address of the engine's log; empty for none."""
        self._engine = engine
        self._provider = Provider(access.Settings(), None, "default", "not configured yet", self._warn)

    def _warn(self, message: str) -> None:
        serving.log(self._engine, message, warning=True)

    @clear_errors
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Refuse what cannot be played."""
        return check_response(request.news, access.problems(decode_struct(request.news)))

    @clear_errors
    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Look whether the cluster can be reached; where not, previews still work."""
        known = access.settings(decode_struct(request.args), os.environ)
        try:
            api, namespace = access.connect(known)
            self._provider = Provider(known, api, namespace, "", self._warn)
        except UnreachableError as error:
            self._warn(f"configured Kubernetes cluster is unreachable: {error}")
            self._provider = Provider(known, None, "default", str(error), self._warn)
        except ValueError as error:
            raise ProviderError(str(error)) from error
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @clear_errors
    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Complete inputs."""
        name = request.name or request.urn.rsplit("::", 1)[-1]
        token = resource_type(request)
        return check_response(self._provider.check(token, name, request.randomSeed, request.olds, request.news), ())

    @clear_errors
    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """What an update would change, path by path."""
        comparison = self._provider.diff(request.olds, request.news)
        found = [each for each in comparison.differences if not _ignored(each.path, request.ignoreChanges)]
        replaces = (each.path for each in found if each.replaces)
        return diff_response(found, replaces, delete_first=comparison.delete_first)

    @clear_errors
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make an object, or say what would be known of it."""
        identifier, state = self._provider.create(request.urn, request.properties, preview=request.preview)
        return provider_pb2.CreateResponse(id=identifier, properties=state)

    @clear_errors
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change an object in place, or say what would be known of it."""
        state = self._provider.update(request.urn, request.olds, request.news, preview=request.preview)
        return provider_pb2.UpdateResponse(properties=state)

    @clear_errors
    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Read an object for a refresh or an import."""
        token = resource_type(request)
        found = self._provider.read(token, request.id, request.properties, request.inputs)
        return provider_pb2.ReadResponse(id=found.identifier, properties=found.state, inputs=found.inputs)

    @clear_errors
    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Remove an object."""
        self._provider.delete(request.properties)
        return empty_pb2.Empty()


def _ignored(path: str, ignored: Any) -> bool:
    return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in ignored)
