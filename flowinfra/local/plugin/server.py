"""The plugin's gRPC side: what the engine calls, and how it is told what went wrong.

This serves `pulumirpc.ResourceProvider` itself and not through `pulumi.provider.experimental`: that one hands a
diff or an update no old inputs, drops a failure's kind (a partly made resource would be lost to the state),
shows Python tracebacks to users, and runs boto3's blocking calls on one event loop.
"""

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

from flowinfra.local.plugin import serving, settings
from flowinfra.local.plugin.cloud import CloudError
from flowinfra.local.plugin.naming import Naming
from flowinfra.local.plugin.provider import PartialFailureError, Provider
from flowinfra.local.plugin.schema import Change, Problem
from flowinfra.local.plugin.wire import decode_struct

_NAMING_MODES = {
    provider_pb2.CheckRequest.AutonamingOptions.PROPOSE: "propose",
    provider_pb2.CheckRequest.AutonamingOptions.ENFORCE: "enforce",
    provider_pb2.CheckRequest.AutonamingOptions.DISABLE: "disable",
}
_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}

Answer = TypeVar("Answer")
Method = Callable[["Servicer", Any, grpc.ServicerContext], Answer]


def _clear_errors(method: Method[Answer]) -> Method[Answer]:
    """Whatever goes wrong becomes one sentence for the engine; a traceback goes to a file."""

    @wraps(method)
    def guarded(self: Servicer, request: Any, context: grpc.ServicerContext) -> Answer:
        try:
            return method(self, request, context)
        except CloudError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except PartialFailureError as error:
            context.abort_with_status(
                serving.PartialStatus(str(error), error.identifier, error.properties, error.inputs)
            )
        except Exception as error:
            log = serving.write_traceback("aws", method.__name__)
            about = getattr(request, "urn", "") or getattr(request, "tok", "") or "the provider"
            context.abort(
                grpc.StatusCode.INTERNAL,
                f"the local aws plugin failed in {method.__name__} of {about}: {type(error).__name__}: {error} "
                f"(a bug in flowinfra; details in {log})",
            )
        raise AssertionError("abort does not return")

    return guarded


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The engine's calls. They may come in parallel."""

    def __init__(self, engine: str) -> None:
        """`engine` is the address of the engine's log; empty for none."""
        self._engine = engine
        self._provider = Provider(None)
        self._announced = False

    def GetPluginInfo(self, request: Message, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The version of the SDK whose plugin this plays."""
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def GetSchema(  # noqa: N802
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        """A schema without types: SDKs carry their own."""
        return provider_pb2.GetSchemaResponse(schema=f'{{"name":"aws","version":"{version("pulumi-aws")}"}}')

    @_clear_errors
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Refuse what is not the embedded AWS."""
        found = settings.problems(decode_struct(request.news), os.environ)
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(found))

    @_clear_errors
    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """A provider never needs replacing: its resources tell by themselves what a change means for them."""
        old, new = decode_struct(request.olds), decode_struct(request.news)
        changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed)

    @_clear_errors
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

    @_clear_errors
    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Complete and check inputs."""
        names = Naming(
            name=request.name or request.urn.rsplit("::", 1)[-1],
            seed=request.randomSeed,
            mode=_NAMING_MODES.get(request.autonaming.mode, "")  # type: ignore[arg-type]
            if request.HasField("autonaming")
            else "",
            proposed=request.autonaming.proposed_name,
        )
        inputs, found = self._provider.check(serving.resource_type(request), names, request.olds, request.news)
        return provider_pb2.CheckResponse(inputs=inputs, failures=_failures(found))

    @_clear_errors
    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """What an update would change, path by path."""
        difference = self._provider.diff(serving.resource_type(request), request.olds, request.news)
        changes = difference.changes
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=_tops(changes),
            replaces=_tops([change for change in changes if change.replaces]),
            deleteBeforeReplace=difference.delete_first,
            detailedDiff={
                change.path: provider_pb2.PropertyDiff(kind=_KINDS[change.kind, change.replaces]) for change in changes
            },
            hasDetailedDiff=True,
        )

    @_clear_errors
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make a resource, or say what is known of it before."""
        identifier, state = self._provider.create(
            serving.resource_type(request), request.properties, preview=request.preview
        )
        return provider_pb2.CreateResponse(id=identifier, properties=state)

    @_clear_errors
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change a resource in place, or say what would be known of it."""
        state = self._provider.update(
            serving.resource_type(request), request.id, request.olds, request.news, preview=request.preview
        )
        return provider_pb2.UpdateResponse(properties=state)

    @_clear_errors
    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Read a resource for a refresh or an import."""
        found = self._provider.read(serving.resource_type(request), request.id, request.properties, request.inputs)
        return provider_pb2.ReadResponse(id=found.identifier, properties=found.properties, inputs=found.inputs)

    @_clear_errors
    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Remove a resource."""
        self._provider.delete(serving.resource_type(request), request.id, request.properties)
        return empty_pb2.Empty()

    @_clear_errors
    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """Answer a function."""
        answer = provider_pb2.InvokeResponse()
        # `return` is a word of Python.
        getattr(answer, "return").CopyFrom(self._provider.invoke(request.tok, request.args))
        return answer

    def Cancel(self, request: Message, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """Nothing waits here: calls that are under way end by themselves within their timeouts."""
        return empty_pb2.Empty()


def _failures(found: Any) -> list[provider_pb2.CheckFailure]:
    problems: list[Problem] = list(found)
    return [provider_pb2.CheckFailure(property=problem.path, reason=problem.reason) for problem in problems]


def _tops(changes: list[Change]) -> list[str]:
    return sorted({change.top for change in changes})


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
