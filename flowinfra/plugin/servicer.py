"""The answers that are the same for every provider plugin of this kind, and how a plugin reports failures.

This serves `pulumirpc.ResourceProvider` itself and not through `pulumi.provider.experimental`: that one hands a
diff or an update no old inputs, drops a failure's kind (a partly made resource would be lost to the state),
shows Python tracebacks to users, and runs boto3's blocking calls on one event loop.
"""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.protobuf.message import Message
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from flowinfra.plugin.failure import PartialFailureError
from flowinfra.plugin.schema import Change, Problem
from flowinfra.plugin.wire import decode_struct

_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}

Own = TypeVar("Own", bound="PluginServicer")
Answer = TypeVar("Answer")
Method = Callable[[Own, Any, grpc.ServicerContext], Answer]


def clear_errors(method: Method[Own, Answer]) -> Method[Own, Answer]:
    """Whatever goes wrong in a call becomes one sentence for the engine; a traceback goes to a file."""

    @wraps(method)
    def guarded(self: Own, request: Any, context: grpc.ServicerContext) -> Answer:
        try:
            return method(self, request, context)
        except PartialFailureError as error:
            context.abort_with_status(_PartialStatus(error))
        except self.told as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:
            log = _write_traceback(self.title, method.__name__)
            about = getattr(request, "urn", "") or getattr(request, "tok", "") or "the provider"
            context.abort(
                grpc.StatusCode.INTERNAL,
                f"{self.title} failed in {method.__name__} of {about}: "
                f"{type(error).__name__}: {error} (a bug in flowinfra; details in {log})",
            )
        raise AssertionError("abort does not return")

    return guarded


class PluginServicer(provider_pb2_grpc.ResourceProviderServicer):
    """The engine's calls that need no resource. They may come in parallel."""

    plugin: ClassVar[str]
    """The provider's name: `aws`."""
    title: ClassVar[str]
    """What it calls itself in messages: `the local aws plugin`."""
    told: ClassVar[tuple[type[Exception], ...]]
    """Errors whose message the user gets unchanged."""

    def GetPluginInfo(self, request: Message, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The version of the SDK whose plugin this plays."""
        return plugin_pb2.PluginInfo(version=self._version())

    def GetSchema(  # noqa: N802
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        """A schema without types: SDKs carry their own."""
        return provider_pb2.GetSchemaResponse(schema=f'{{"name":"{self.plugin}","version":"{self._version()}"}}')

    @clear_errors
    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """A provider never needs replacing: its resources tell by themselves what a change means for them."""
        old, new = decode_struct(request.olds), decode_struct(request.news)
        changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        return provider_pb2.DiffResponse(changes=_whether(changed), diffs=changed)

    def Cancel(self, request: Message, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """Nothing waits here: calls that are under way end by themselves within their timeouts."""
        return empty_pb2.Empty()

    def _version(self) -> str:
        return version(f"pulumi-{self.plugin}")


def check_response(inputs: Any, problems: Iterable[Problem]) -> provider_pb2.CheckResponse:
    """The answer to a check: completed inputs, and what is wrong with them."""
    failures = [provider_pb2.CheckFailure(property=problem.path, reason=problem.reason) for problem in problems]
    return provider_pb2.CheckResponse(inputs=inputs, failures=failures)


def diff_response(
    changes: Sequence[Change], replaces: Iterable[str], *, delete_first: bool
) -> provider_pb2.DiffResponse:
    """The answer to a diff, path by path; `replaces`: what forces a replacement, as the provider names it."""
    return provider_pb2.DiffResponse(
        changes=_whether(changes),
        diffs=sorted({change.top for change in changes}),
        replaces=sorted(set(replaces)),
        deleteBeforeReplace=delete_first,
        detailedDiff={
            change.path: provider_pb2.PropertyDiff(kind=_KINDS[change.kind, change.replaces]) for change in changes
        },
        hasDetailedDiff=True,
    )


def resource_type(request: Any) -> str:
    """The type token of the resource that a request is about."""
    # Engines before 3.160 send the type in the URN alone: urn:pulumi:stack::project::parent$type::name.
    return str(request.type or request.urn.split("::")[2].rsplit("$", 1)[-1])


class _PartialStatus:
    """A create or update that did part of its work, as `abort_with_status` takes it."""

    def __init__(self, error: PartialFailureError) -> None:
        detail = any_pb2.Any()
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=error.identifier, properties=error.properties, inputs=error.inputs, reasons=[str(error)]
            )
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[detail])
        self.code = grpc.StatusCode.UNKNOWN
        self.details = str(error)
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


def _whether(changes: Sequence[Any]) -> provider_pb2.DiffResponse.DiffChanges.ValueType:
    return provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE


def _write_traceback(title: str, method: str) -> Path:
    """Append the current exception's traceback to a file of this process; the file."""
    path = Path(tempfile.gettempdir()) / f"flowinfra-{title.removeprefix('the ').replace(' ', '-')}-{os.getpid()}.log"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {method}\n{traceback.format_exc()}\n")
    return path
