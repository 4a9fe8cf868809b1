"""The child process: Metaflow's command in the flow's interpreter, in an environment that flowinfra declares.

Nothing of the caller's environment passes: no credentials, no METAFLOW_*, no profile, no passphrase.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowinfra.compiler import request as requests
from flowinfra.compiler.driver import protocol
from flowinfra.compiler.failures import explain
from flowinfra.compiler.request import CompileRequest
from flowinfra.errors import CompileError
from flowinfra.model.lock import Lock
from flowinfra.targets import TARGETS

DRIVER = Path(__file__).with_name("driver")
TIME_LIMIT = 600
"""Seconds after which a child that does not end is killed."""


@dataclass(frozen=True)
class Answer:
    """What the child reported; `folder` holds the bytes of the objects that it recorded."""

    data: protocol.Answer
    folder: Path


def record(request: CompileRequest, folder: Path, lock: Lock | None = None) -> Answer:
    """Run Metaflow's command against recorders; `folder` is an empty folder that the caller has made.

    A flow with @conda or @pypi has its environments from `lock`; without a lock the answer says which are missing.
    """
    return _run(request, folder, "compile", requests.settings(request), {}, environments(request, lock))


def solve(
    request: CompileRequest, folder: Path, lock: Lock | None, explicit: bool, variables: Mapping[str, str]
) -> Answer:
    """Run Metaflow up to its solving of environments, with network; its lines go to standard error as they come.

    Args:
        request: the flow.
        folder: an empty one, on a file system with room for the packages.
        lock: what need not be solved again.
        explicit: solve for a flow that declares no packages of its own, too.
        variables: the solver's environment; the flow's module does not see it.
    """
    task: protocol.EnvironmentsTask = {
        **_locked(lock),
        "solve": True,
        "explicit": explicit,
        "variables": dict(variables),
    }
    return _run(request, folder, "lock", {**requests.settings(request), "METAFLOW_USER": "flowinfra"}, {}, task)


def environments(request: CompileRequest, lock: Lock | None) -> protocol.EnvironmentsTask | None:
    """The locked environments that the child gets; None for a flow without any."""
    return None if request.shape.environment == "local" else _locked(lock)


def _locked(lock: Lock | None) -> protocol.EnvironmentsTask:
    return {
        "solve": False,
        "explicit": True,
        "python": lock.python if lock else None,
        "manifest": lock.manifest() if lock else {},
        "variables": {},
    }


def evaluate(request: CompileRequest, folder: Path, user: str, declared: Mapping[str, str]) -> Answer:
    """Evaluate the flow's function defaults as `user`, with the variables that the deployment declares."""
    settings = {**requests.settings(request), "METAFLOW_USER": user}
    return _run(request, folder, "evaluate", settings, declared, environments(request, None))


def _run(
    request: CompileRequest,
    folder: Path,
    mode: protocol.Mode,
    settings: Mapping[str, str],
    declared: Mapping[str, str],
    environments: protocol.EnvironmentsTask | None,
) -> Answer:
    home = folder / "home"
    # Metaflow looks for .metaflow/config.json from the working folder upwards; here its search ends
    (home / ".metaflow").mkdir(parents=True)
    task = json.dumps(task_of(request, folder, mode, environments))
    variables = {**_base_environment(home), **settings, **request.env, **declared}
    python = interpreter(request)
    try:
        done = subprocess.run(
            [python, str(DRIVER)],
            input=task,
            env=variables,
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=None if mode == "lock" else subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            # solving takes as long as it takes, and shows what it does
            timeout=None if mode == "lock" else TIME_LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise CompileError(
            f"{request.label}: did not finish within {TIME_LIMIT} s; does the module do work when it is imported?"
        ) from None
    except OSError as error:
        raise CompileError(f"{request.label}: cannot run the interpreter {python}: {error.strerror}") from error
    report = folder / "answer.json"
    if not report.is_file():
        words = ((done.stderr or "").strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise CompileError(f"{request.label}: {python} ended without an answer: {words[-1]}")
    answer: protocol.Answer | protocol.Failure = json.loads(report.read_text(encoding="utf-8"))
    if answer["error"] is not None:
        raise explain(request, answer["error"], answer["metaflow"])
    return Answer(answer, folder)


def task_of(
    request: CompileRequest, folder: Path, mode: protocol.Mode, environments: protocol.EnvironmentsTask | None
) -> protocol.Request:
    """What the child is asked."""
    selection, shape = requests.selection(request), request.shape
    return {
        "mode": mode,
        "flow": str(request.file),
        "folder": str(request.working_folder),
        "search": selection.search,
        "walks": [{"top": walk.top, "modules": walk.modules} for walk in selection.walks],
        "suffixes": list(shape.package_suffixes),
        "out": str(folder),
        "target": request.target,
        "options": {name: getattr(shape, name) for name in sorted(TARGETS[request.target].own)},
        "datastore": shape.datastore,
        "arguments": requests.arguments(request),
        "project": requests.project(request),
        "configs": list(requests.config_texts(request)),
        "structures": {name: value for name, value in shape.configs.items() if not isinstance(value, str)},
        "parameters": shape.parameters,
        "schedule": shape.schedule,
        "timezone": shape.schedule_timezone,
        "steps": shape.steps,
        "environments": environments,
    }


def interpreter(request: CompileRequest) -> str:
    """Path of the interpreter that compiles this flow."""
    if request.python is None:
        return sys.executable
    found = shutil.which(request.python)
    if found is None:
        raise CompileError(f"{request.label}: python: {request.python} is not a program that can be run")
    # the child runs in a folder of its own; the path is made absolute but not resolved, for a virtual environment is
    # known by its own path
    return str(Path(found).absolute())


def _base_environment(home: Path) -> dict[str, str]:
    measured = os.environ.get("COVERAGE_PROCESS_CONFIG")
    return {
        # by coverage.py, which measures our own tests; set in no other run
        **({"COVERAGE_PROCESS_CONFIG": measured} if measured else {}),
        "HOME": str(home),
        "METAFLOW_HOME": str(home / ".metaflowconfig"),
        "METAFLOW_TEMPDIR": str(home),
        "METAFLOW_ARTIFACT_LOCALROOT": str(home),
        "TMPDIR": str(home),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
        "AWS_EC2_METADATA_DISABLED": "true",
        # home is an empty folder, but packages that the user installed for himself stay importable
        "PYTHONUSERBASE": site.getuserbase(),
    }
