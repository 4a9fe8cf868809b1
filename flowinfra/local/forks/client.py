"""`python -I -S client.py FOLDER PYTHON LAUNCHER ARGUMENT…`: run `PYTHON ARGUMENT…` as a fork of FOLDER's server.

It has to be quicker than what it saves: only modules written in C are imported.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import marshal
import posix
import sys

DECLINED = 0xFFFFFFFF
RELAYED = (_signal.SIGTERM, _signal.SIGINT)
IGNORABLE = (*RELAYED, _signal.SIGHUP, _signal.SIGQUIT)


def main(folder: str, python: str, launcher: str, *arguments: str) -> None:
    """Have it run, or become it."""
    option = arguments[0] if arguments and arguments[0].startswith("-") else ""
    if hasattr(posix, "pidfd_open") and arguments and (not option or (option in ("-m", "-c") and len(arguments) > 1)):
        server = _connected(folder, python)
        if server is not None:
            _follow(server, [launcher, *arguments])
    posix.execve(python, [python, *arguments], posix.environ)


def _connected(folder: str, python: str) -> _socket.socket | None:
    """A connection to the server, which is started where there is none yet; None where there can be none."""
    try:
        try:  # noqa: SIM105  (no module for it, see above)
            posix.mkdir(folder, 0o700)
        except FileExistsError:
            pass
        found = posix.stat(folder, follow_symlinks=False)
        if found.st_uid != posix.geteuid() or found.st_mode != 0o40700:
            return None
        server = _connect(folder)
        if server is None and _start(folder, python):
            server = _connect(folder)
        return server
    except OSError:
        return None


def _connect(folder: str) -> _socket.socket | None:
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        server.connect(folder + "/socket")
    except OSError:
        return None
    return server


def _start(folder: str, python: str) -> bool:
    """Start the server; whether it takes connections, or another one does."""
    ours, theirs = posix.pipe()
    if posix.fork() == 0:
        try:
            nothing = posix.open("/dev/null", posix.O_RDWR)
            for number, stands_for in enumerate((nothing, nothing, nothing, theirs)):
                posix.dup2(stands_for, number)
            posix.closerange(4, 4096)
            variables = {name: value for name, value in posix.environ.items() if name != b"PYTHONPATH"}
            posix.execve(python, [python, sys.argv[0].rpartition("/")[0], folder + "/socket"], variables)
        finally:
            posix._exit(1)
    posix.close(theirs)
    started = posix.read(ours, 1)
    posix.close(ours)
    return started == b"+"


def _follow(server: _socket.socket, arguments: list[str]) -> None:
    """Have the server run it, and end as it ends; return where the server declines."""
    files = [int(name) for name in posix.listdir("/proc/self/fd")]
    files = [number for number in files if number != server.fileno() and _inherited(number)]
    ignored = [int(number) for number in IGNORABLE if _signal.getsignal(number) == _signal.SIG_IGN]
    umask = posix.umask(0)
    posix.umask(umask)
    asked = marshal.dumps((arguments, dict(posix.environ), posix.getcwdb(), posix.getpgrp(), umask, files, ignored))
    relayed = [number for number in RELAYED if number not in ignored]
    for number in relayed:
        _signal.signal(number, lambda number, frame: server.sendall(bytes((number,))))
    numbers = b"".join(number.to_bytes(4, sys.byteorder) for number in files)
    server.sendmsg([len(asked).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)])
    server.sendall(asked)
    answer = server.recv(4, _socket.MSG_WAITALL)
    for number in relayed:
        _signal.signal(number, _signal.SIG_DFL)
    if len(answer) < 4:
        posix.write(2, b"the server of this attempt's Python processes has ended\n")
        posix._exit(1)
    status = int.from_bytes(answer, "big")
    if status == DECLINED:
        return
    if posix.WIFSIGNALED(status):
        posix.kill(posix.getpid(), posix.WTERMSIG(status))
    posix._exit(posix.WEXITSTATUS(status))


def _inherited(number: int) -> bool:
    try:
        return posix.get_inheritable(number)
    except OSError:
        return False


main(*sys.argv[1:])
