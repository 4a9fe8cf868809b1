"""In a fork of the server: what `python FILE …`, `python -m MODULE …` or `python -c CODE …` is."""

from __future__ import annotations

import builtins
import fcntl
import importlib
import importlib.machinery
import io
import os
import runpy
import signal
import sys
from typing import Any

from .request import Request

_HIGH = 500
"""Numbers that no file of a client has."""


def become(request: Request, path: list[str]) -> None:
    """Be it, to its end; `path` is the search path of the interpreter alone."""
    request.surround(path)
    _take_files(request)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in request.ignored:
        signal.signal(number, signal.SIG_IGN)
    sys.executable = request.launcher
    option, arguments = request.option, request.arguments
    sys.argv[:] = arguments if not option else [option, *arguments[2:]]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [request.launcher, *arguments]
    importlib.invalidate_caches()
    main = vars(sys.modules["__main__"])
    main.update(__name__="__main__", __doc__=None, __package__=None, __spec__=None, __builtins__=builtins)
    main.setdefault("__annotations__", {})
    try:
        if option == "-m":
            _module(arguments[1])
        elif option:
            main["__loader__"] = importlib.machinery.BuiltinImporter
            exec(compile(arguments[1] + "\n", "<string>", "exec", dont_inherit=True), main)  # noqa: S102
        else:
            _file(request.file, main)
    except Exception as error:
        sys.excepthook(type(error), error.with_traceback(_theirs(error.__traceback__)), error.__traceback__)
        sys.exit(1)


def _module(name: str) -> None:
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]


def _file(name: str, main: dict[str, Any]) -> None:
    main["__loader__"] = importlib.machinery.SourceFileLoader("__main__", name)
    main["__file__"] = name
    main["__cached__"] = None
    with io.open_code(name) as file:
        source = file.read()
    exec(compile(source, name, "exec", dont_inherit=True), main)  # noqa: S102


def _theirs(trace: Any) -> Any:
    """A traceback without our own frames."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _take_files(request: Request) -> None:
    """Give the client's files the numbers that they have there."""
    high = [fcntl.fcntl(number, fcntl.F_DUPFD, _HIGH) for number in request.files]
    os.closerange(3, _HIGH)
    for number, wanted in zip(high, request.numbers):  # noqa: B905  (the jobs' Python may be older)
        os.dup2(number, wanted)
        os.close(number)
    for standard in {0, 1, 2} - set(request.numbers):
        os.close(standard)
