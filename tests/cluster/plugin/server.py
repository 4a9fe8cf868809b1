"""The plugin's gRPC side: what the engine calls, and how it is told what went wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from flowinfra.local.plugin import serving
from flowinfra.local.plugin.wire import decode_struct
from tests.cluster.plugin import access
from tests.cluster.plugin.access import UnreachableError
from tests.cluster.plugin.provider import PartialFailureError, Provider, ProviderError
from tests.cluster.rig.api import ApiError

Answer = TypeVar("Answer")
Method = Callable[["Servicer", Any, grpc.ServicerContext], Answer]
_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def _clear_errors(method: Method[Answer]) -> Method[Answer]:
    """Whatever goes wrong becomes one sentence for the engine; a traceback goes to a file."""

    @wraps(method)
    def guarded(self: Servicer, request: Any, context: grpc.ServicerContext) -> Answer:
        try:
            return method(self, request, context)
        except PartialFailureError as error:
            context.abort_with_status(serving.PartialStatus(str(error), error.identifier, error.state, None))
        except (ProviderError, ApiError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:
            log = serving.write_traceback("kubernetes", method.__name__)
            about = getattr(request, "urn", "") or "the provider"
            context.abort(
                grpc.StatusCode.INTERNAL,
                f"the local kubernetes plugin failed in {method.__name__} of {about}: {type(error).__name__}: {error} "
                f"(details in {log})",
            )
        raise AssertionError("abort does not return")

    return guarded


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The engine's calls. They may come in parallel."""

    def __init__(self, engine: str) -> None:
        """`engine` is the address of the engine's log; empty for none."""
        self._engine = engine
        self._provider = Provider(access.Settings(), None, "default", "not configured yet", self._warn)

    def _warn(self, message: str) -> None:
        serving.log(self._engine, message, warning=True)

    def GetPluginInfo(self, request: Message, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The version of the SDK whose plugin this plays."""
        return plugin_pb2.PluginInfo(version=version("pulumi-kubernetes"))

    def GetSchema(  # noqa: N802
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        """A schema without types: SDKs carry their own."""
        schema = f'{{"name":"kubernetes","version":"{version("pulumi-kubernetes")}"}}'
        return provider_pb2.GetSchemaResponse(schema=schema)

    @_clear_errors
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Refuse what cannot be played."""
        found = access.problems(decode_struct(request.news))
        failures = [provider_pb2.CheckFailure(property=each.path, reason=each.reason) for each in found]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @_clear_errors
    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """A change of configuration is an update: upstream replaces only where the cluster is another one."""
        old, new = decode_struct(request.olds), decode_struct(request.news)
        changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed)

    @_clear_errors
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

    @_clear_errors
    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Complete inputs."""
        name = request.name or request.urn.rsplit("::", 1)[-1]
        token = serving.resource_type(request)
        return provider_pb2.CheckResponse(
            inputs=self._provider.check(token, name, request.randomSeed, request.olds, request.news)
        )

    @_clear_errors
    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """What an update would change, path by path."""
        comparison = self._provider.diff(request.olds, request.news)
        found = [each for each in comparison.differences if not _ignored(each.path, request.ignoreChanges)]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=[each.path for each in found if each.replaces],
            deleteBeforeReplace=comparison.delete_first,
            detailedDiff={
                each.path: provider_pb2.PropertyDiff(kind=_KINDS[each.kind, each.replaces]) for each in found
            },
            hasDetailedDiff=True,
        )

    @_clear_errors
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make an object, or say what would be known of it."""
        identifier, state = self._provider.create(request.urn, request.properties, preview=request.preview)
        return provider_pb2.CreateResponse(id=identifier, properties=state)

    @_clear_errors
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change an object in place, or say what would be known of it."""
        state = self._provider.update(request.urn, request.olds, request.news, preview=request.preview)
        return provider_pb2.UpdateResponse(properties=state)

    @_clear_errors
    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Read an object for a refresh or an import."""
        token = serving.resource_type(request)
        found = self._provider.read(token, request.id, request.properties, request.inputs)
        return provider_pb2.ReadResponse(id=found.identifier, properties=found.state, inputs=found.inputs)

    @_clear_errors
    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Remove an object."""
        self._provider.delete(request.properties)
        return empty_pb2.Empty()

    def Cancel(self, request: Message, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """Nothing to do: calls that are under way end by themselves."""
        return empty_pb2.Empty()


def _ignored(path: str, ignored: Any) -> bool:
    return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in ignored)
