"""What every provider plugin of this kind does, whichever provider it plays: serve until the engine goes, speak to its
log, and tell it of failures.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2

_THREADS = 32
_ENDING = {signal.SIGINT, signal.SIGTERM}
_GRACE_SECONDS = 3
"""For calls that are under way when the engine ends the plugin: less than the engine waits before it kills."""
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def serve(arguments: list[str], make: Callable[[str], provider_pb2_grpc.ResourceProviderServicer]) -> None:
    """Serve until the engine goes; prints the port, as the engine expects.

    `make` gets the address of the engine's log, empty for none.
    """
    engine = next((argument for argument in arguments if not argument.startswith("-")), "")
    # The engine ends a plugin by SIGINT and waits five seconds for it; Ctrl-C in a terminal does not come here, for the
    # engine starts plugins in process groups of their own. Blocked before there are threads: only sigwait sees it then.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    for ending in _ENDING:
        # A shell starts what runs in its background with SIGINT ignored, and an ignored signal may not reach sigwait.
        signal.signal(ending, signal.SIG_DFL)
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(make(engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    signal.sigwait(_ENDING)
    server.stop(_GRACE_SECONDS).wait()


def log(engine: str, message: str, *, warning: bool = False, urn: str = "") -> None:
    """Show a message in the output of the engine's command. It is a courtesy: one that cannot be shown is lost."""
    if not engine:
        return
    severity = engine_pb2.WARNING if warning else engine_pb2.INFO
    try:
        with grpc.insecure_channel(engine) as channel:
            engine_pb2_grpc.EngineStub(channel).Log(
                engine_pb2.LogRequest(severity=severity, message=message, urn=urn), timeout=5
            )
    except grpc.RpcError:
        return


class PartialStatus:
    """A create or update that did part of its work, as `abort_with_status` takes it."""

    def __init__(self, message: str, identifier: str, properties: Struct, inputs: Struct | None) -> None:
        detail = any_pb2.Any()
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(id=identifier, properties=properties, inputs=inputs, reasons=[message])
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[detail])
        self.code = grpc.StatusCode.UNKNOWN
        self.details = message
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


def write_traceback(plugin: str, method: str) -> Path:
    """Append the current exception's traceback to a file of this process; the file."""
    path = Path(tempfile.gettempdir()) / f"flowinfra-local-{plugin}-plugin-{os.getpid()}.log"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {method}\n{traceback.format_exc()}\n")
    return path


def resource_type(request: Any) -> str:
    """The type token of the resource that a request is about."""
    # Engines before 3.160 send the type in the URN alone: urn:pulumi:stack::project::parent$type::name.
    return str(request.type or request.urn.split("::")[2].rsplit("$", 1)[-1])


def _leave_with_parent() -> None:
    """End when the engine is gone: one that was killed does not end its plugins."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
