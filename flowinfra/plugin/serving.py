"""What the process of every provider plugin of this kind does: serve until the engine goes, and speak to its log."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc

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


def _leave_with_parent() -> None:
    """End when the engine is gone: one that was killed does not end its plugins."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
