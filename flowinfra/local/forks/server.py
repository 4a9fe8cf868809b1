"""Imports what processes of a task import, and forks for each that asks.

The first server has imported what belongs to the interpreter. For those who have Metaflow on their search path it forks
a second one, which imports Metaflow as they would, and gets their connections.
"""

from __future__ import annotations

import array
import contextlib
import errno
import gc
import importlib
import marshal
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable

from .become import become
from .request import Request

PRELOADED = (
    "asyncio",
    "boto3.s3.transfer",
    "botocore.client",
    "botocore.handlers",
    "botocore.httpsession",
    "botocore.regions",
    "concurrent.futures.thread",
    "importlib.metadata",
    "importlib.resources",
    "multiprocessing.pool",
    "requests",
)
"""Modules of the interpreter and its packages: which they are does not hang on who asks."""
IRRELEVANT = (
    *(b"_", b"SHLVL", b"OLDPWD", b"MF_", b"MFLOG_", b"METAFLOW_INIT_", b"METAFLOW_PARENT_TASK_IDS"),
    # for environment escapes, which are in steps with an interpreter of their own
    b"METAFLOW_ESCAPE_HATCH_WARNING",
)
"""Beginnings of variables that Metaflow does not look at when it is imported."""
_DECLINED = (0xFFFFFFFF).to_bytes(4, "big")

Received = tuple[socket.socket, bytes, list[int]]


class Server:
    """Forks for those who ask, and tells each how its fork ended."""

    def __init__(self, path: list[str]) -> None:
        """`path` is the search path of the interpreter, without what its user adds."""
        self.path = path
        self._imported = _imported()
        self._selector = selectors.DefaultSelector()
        self._processes: dict[socket.socket, list[int]] = {}
        """Process of each connection, and how many signals it was to get."""
        self._second: tuple[bytes, socket.socket] | None = None
        """The server that has imported Metaflow: for whom, and how to reach it."""
        self._has_metaflow = False
        self._refuses = False
        """Whether Metaflow could not be imported so that all would have it."""
        self._signalled = 0
        """How many signals the whole process group got."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def listen(self, source: socket.socket, receive: Callable[[socket.socket], Received]) -> None:
        """Take requests from `source`."""
        self._selector.register(source, selectors.EVENT_READ, lambda: self._asked(*receive(source)))

    def serve(self) -> Request:
        """Serve for ever; return in a fork, with what it is to be."""
        while True:
            # one at a time: what it does may end others
            for key, _ in self._selector.select()[:1]:
                with contextlib.suppress(OSError, EOFError):
                    request: Request | None = key.data()
                    if request is not None:
                        return request

    def _note(self, number: int, frame: object) -> None:
        self._signalled += 1

    def _asked(self, connection: socket.socket, message: bytes, files: list[int]) -> Request | None:
        request = Request(message, files)
        if self._refuses or not request.fits(self._imported):
            with connection:
                connection.sendall(_DECLINED)
        elif self._passed_on(connection, request):
            connection.close()
        elif self._fork(connection, request):
            return request
        request.close()
        return None

    def _fork(self, connection: socket.socket, request: Request) -> bool:
        """Fork; whether this is the fork."""
        process = os.fork()
        if process == 0:
            connection.close()
            self._let_go()
            return True
        self._processes[connection] = [process, self._signalled]
        handle = os.pidfd_open(process)
        self._selector.register(handle, selectors.EVENT_READ, lambda: self._ended(connection, handle))
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._told(connection))
        return False

    def _told(self, connection: socket.socket) -> None:
        """Pass a signal on; end the fork of a client that is gone."""
        process = self._processes[connection]
        numbers = connection.recv(16)
        for number in numbers:
            process[1] += 1
            # what the whole group got, the fork got with it
            if process[1] > self._signalled:
                os.kill(process[0], number)
        if not numbers:
            self._selector.unregister(connection)
            os.kill(process[0], signal.SIGKILL)

    def _ended(self, connection: socket.socket, handle: int) -> None:
        self._selector.unregister(handle)
        os.close(handle)
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection)
        _, status = os.waitpid(self._processes.pop(connection)[0], 0)
        with connection:
            connection.sendall(status.to_bytes(4, "big"))

    def _passed_on(self, connection: socket.socket, request: Request) -> bool:
        """Give a request to the server that imported Metaflow for such as this; False where there is none.

        The first process with Metaflow on its search path has one forked. Those that come from elsewhere, such as the
        one that moves objects from and to S3, import it themselves: another server would only be used once.
        """
        home = request.metaflow()
        if home is None or self._has_metaflow:
            return False
        key = marshal.dumps((home, request.directory, request.relevant(IRRELEVANT)))
        if self._second is None:
            ours, theirs = socket.socketpair()
            if os.fork() == 0:
                ours.close()
                self._import_metaflow(theirs, request)
                return True
            theirs.close()
            self._second = (key, ours)
        if key != self._second[0]:
            return False
        _send(self._second[1], request.message, [connection.fileno(), *request.files])
        return True

    def _let_go(self) -> None:
        """Close, in a fork, what is the server's: an object that is collected later would close a file of another's."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            else:
                os.close(key.fd)
        if self._second is not None:
            self._second[1].close()
        for connection in self._processes:
            connection.close()
        self._selector.close()

    def _import_metaflow(self, source: socket.socket, request: Request) -> None:
        """Be the server of those who would import Metaflow just so; one that declines all where that cannot be."""
        self._let_go()
        self._selector = selectors.DefaultSelector()
        self._has_metaflow, self._second, self._processes = True, None, {}
        self.listen(source, _passed)
        before = set(sys.modules)
        try:
            request.surround(self.path)
            importlib.import_module("metaflow")
            theirs = all(request.may_keep(sys.modules[name]) for name in set(sys.modules) - before)
            self._refuses = not theirs or dict(os.environb) != request.environment
        except BaseException:
            # the process itself shall meet it, where it is seen
            self._refuses = True
        self._imported = _imported()
        _keep()


def main(place: str) -> tuple[Callable[[Request, list[str]], None], Request, list[str]]:
    """Serve at a socket; return in a fork, with what it is to be."""
    # where the system has none of these, nothing is served
    os.close(os.pidfd_open(os.getpid()))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(place)
        listener.listen(64)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # another process was first
        os.write(3, b"+")
        os._exit(0)
    os.write(3, b"+")
    os.close(3)
    for name in PRELOADED:
        # what the interpreter lacks is not imported by anybody
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    server = Server(list(sys.path))
    server.listen(listener, _accepted)
    _keep()
    return become, server.serve(), server.path


def _imported() -> set[str]:
    """Names that a module of a flow may not have; the last two would be imported by each interpreter."""
    return {name for name in sys.modules if "." not in name} | {"sitecustomize", "usercustomize"}


def _keep() -> None:
    """Leave what there is out of garbage collection, in the forks too: it would copy all of the memory."""
    gc.collect()
    gc.freeze()


def _accepted(listener: socket.socket) -> Received:
    connection, _ = listener.accept()
    message, files = _read(connection)
    return connection, message, files


def _passed(source: socket.socket) -> Received:
    message, (connection, *files) = _read(source)
    return socket.socket(fileno=connection), message, files


def _read(source: socket.socket) -> tuple[bytes, list[int]]:
    """A message, and the files that came with it."""
    head, ancillary, _, _ = source.recvmsg(4, socket.CMSG_SPACE(4 * 253), socket.MSG_WAITALL)
    files = array.array("i")
    for _, _, data in ancillary:
        files.frombytes(data)
    size = int.from_bytes(head, "big")
    message = source.recv(size, socket.MSG_WAITALL) if size else b""
    if not message or len(message) < size:
        for number in files:
            os.close(number)
        # nobody will send any more
        raise EOFError
    return message, list(files)


def _send(target: socket.socket, message: bytes, files: list[int]) -> None:
    numbers = array.array("i", files).tobytes()
    target.sendmsg([len(message).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
    target.sendall(message)
