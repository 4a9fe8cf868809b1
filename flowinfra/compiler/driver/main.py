"""The process: a request on standard input (JSON, see `compiler.process`), the answer in `<out>/answer.json`."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import runpy
import sys
import threading
from typing import Any

from .failure import failure, refused
from .hiding import hidden
from .imports import Imports
from .internals import internals
from .members import Tarfile, walked
from .output import Output
from .protocol import Answer, Error, Failure, Flow, Request
from .protocol import Imports as FoundImports
from .refusal import Refusal
from .session import Session
from .variables import Variables
from .watch import OWN_FOLDER, Watch, library_folders


def read_own_modules_from_source(libraries: list[str]) -> None:
    """A .pyc is trusted by time stamp and size, which an edit may leave as they were: only libraries may use theirs."""
    sys.dont_write_bytecode = True
    importing = internals("importlib._bootstrap_external")
    original, installed = importing.cache_from_source, tuple(os.path.join(folder, "") for folder in libraries)

    def cache_from_source(path: str, *args: Any, **kwargs: Any) -> Any:
        if not os.path.realpath(path).startswith(installed):
            raise NotImplementedError  # what an interpreter without byte code says
        return original(path, *args, **kwargs)

    importing.cache_from_source = cache_from_source


def run(session: Session, flow_file: str, folder: str) -> Any:
    """Run the flow's file as Metaflow's user would, from a working folder."""
    os.chdir(folder)
    sys.argv = [flow_file, *session.request["arguments"]]
    sys.path[:0] = [os.path.dirname(flow_file), *session.request["search"]]
    code: Any = 0
    try:
        runpy.run_path(flow_file, run_name="__main__")
    except SystemExit as stop:
        code = stop.code
    return code


class Packaged:
    """What a compile has to say of the flow's files, beside what Metaflow made: nothing before the flow has run."""

    def __init__(self) -> None:
        self.imports: FoundImports | None = None
        self.walked: list[list[str]] = []
        self.hidden: list[str] = []

    def look(self, session: Session, flow: Flow, libraries: list[str], before: list[str]) -> None:
        """Look at the files of a flow that has run; `before`: sys.path before it ran."""
        request = session.request
        steps = (step["name"] for step in flow["steps"])
        self.imports = Imports(libraries, before, steps).tell(request["flow"])
        self.walked = walked(request["walks"], request["suffixes"])
        session.watch.active = False
        packed = [*(entry["name"] for entry in Tarfile.members()), *(name for names in self.walked for name in names)]
        self.hidden = hidden(packed, [os.path.dirname(request["flow"]), *request["search"]])


def record(session: Session, captured: Output, terminal: Any, libraries: list[str], packaged: Packaged) -> None:
    """Install the recorders and run the flow; raises whatever goes wrong."""
    request, watch = session.request, session.watch
    session.install()
    if request["environments"] is not None:
        session.install_environments(watch, captured, terminal)
    read_own_modules_from_source(libraries)
    watch.writable = os.path.join(os.path.realpath(request["out"]), "")
    random.seed(0)
    before = [os.path.dirname(request["flow"]), *request["search"], *sys.path]
    code = run(session, request["flow"], request["folder"])
    if not session.started:
        raise Refusal("not-a-flow", "it starts no flow")
    if code or session.flow is None:
        raise Refusal("metaflow-exit", captured.getvalue())
    if request["mode"] == "compile":
        packaged.look(session, session.flow, libraries, before)


def main() -> None:
    gc.disable()  # a process this short never gets back the time that collecting takes
    request: Request = json.load(sys.stdin)
    captured = Output()
    real_stdout, real_stderr = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = captured
    # urllib3 binds a socket at import to learn whether there is IPv6
    import socket

    socket.has_ipv6 = False
    libraries = library_folders()
    watch = Watch([*libraries, os.path.realpath(request["out"]), os.path.realpath(OWN_FOLDER), "/proc", "/sys", "/dev"])
    variables = Variables(libraries)
    variables.install()
    session, packaged = Session(request, watch), Packaged()
    error: Error | None = None
    try:
        record(session, captured, real_stderr, libraries, packaged)
    except BaseException as problem:  # every way to fail is reported as data, by one writer
        error = failure(problem)
        if error["kind"] != "unsupported" and (found := session.refusals()):
            error = {"kind": "several", "message": json.dumps([refused(found), error])}
    for refusal in (watch.refusal, session.recording.refusal):
        if refusal is not None:
            error = failure(refusal)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(5)
    watch.active = False
    metaflow: Any = sys.modules.get("metaflow")
    if error is None:
        made: Answer | Failure = answer(session, packaged, variables, libraries)
    else:
        made = {"error": error, "metaflow": metaflow.__version__ if metaflow else None}
    write(made, request["out"])
    sys.stdout, sys.stderr = real_stdout, real_stderr
    sys.stdout.flush()
    os._exit(0)  # no atexit hook of Metaflow's has business here


def answer(session: Session, packaged: Packaged, variables: Variables, libraries: list[str]) -> Answer:
    """Everything that the parent gets of a flow that `record` has run."""
    metaflow: Any = sys.modules["metaflow"]
    assert session.flow is not None
    return {
        "error": None,
        "metaflow": metaflow.__version__,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "flow": session.flow,
        "triggers": session.triggers,
        "token_prefix": session.token_prefix,
        "evaluated": session.evaluated,
        "included": session.included,
        "imports": packaged.imports,
        "variables": variables.tell(),
        "environments": session.environments and session.environments.answer(),
        "calls": session.recording.calls,
        "objects": session.recording.objects,
        "walked": packaged.walked,
        "hidden": packaged.hidden,
        "files": {path: digest(path) for path in sorted(session.watch.files)},
        "folders": sorted(session.watch.folders),
        "libraries": libraries,
        "version_file": os.path.join(os.path.dirname(metaflow.__file__), "version.py"),
    }


def write(made: Answer | Failure, out: str) -> None:
    """Write the answer where the parent looks for it."""
    try:
        data = json.dumps(made, ensure_ascii=False).encode()
    except UnicodeEncodeError as problem:
        failed: Failure = {"error": half_character(problem), "metaflow": made["metaflow"]}
        data = json.dumps(failed).encode()
    with open(os.path.join(out, "answer.json"), "wb") as file:
        file.write(data)


def half_character(problem: UnicodeEncodeError) -> Error:
    """The error of a flow with a lone surrogate, which cannot be written as UTF-8, with the text around it."""
    around = problem.object[max(0, problem.start - 20) : problem.end + 20]
    return {"kind": "half-character", "message": around.encode("ascii", "backslashreplace").decode()}


def digest(path: str) -> str | None:
    """sha256 of a file's content in hex; None where the file does not exist."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None
