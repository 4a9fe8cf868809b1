"""Locking @conda and @pypi environments, and checking a flow against its lock.

`lock_flow` uses the network, compiling does not. It lets Metaflow solve, keeps the packages in the compile cache under
their digests, and writes the lock that is committed beside the flow. Compiling reads that.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flowinfra.compiler import cache, process
from flowinfra.compiler.driver.protocol import Answer, Environments
from flowinfra.compiler.request import CompileRequest, check
from flowinfra.errors import LockError
from flowinfra.model.base import Json
from flowinfra.model.compiled import DatastoreObject
from flowinfra.model.lock import (
    LOCK_VERSION,
    PLATFORM,
    Lock,
    LockedEnvironment,
    LockedPackage,
    Requirements,
    address_problem,
)

_SOLVER_VARIABLES = re.compile(
    r"PATH|HOME|USER|XDG_(CONFIG|CACHE|DATA)_HOME|(https?|no|all|ftp)_proxy|(HTTPS?|NO|ALL|FTP)_PROXY"
    r"|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC|PIP_.*|CONDA_.*|MAMBA_.*|METAFLOW_PATH_TO_MICROMAMBA"
)


def lock_path(request: CompileRequest) -> Path:
    """The lock of a flow: the request's own, or `<flow>.lock.json` beside the flow."""
    return request.lock or request.flow.with_name(f"{request.flow.stem}.lock.json")


def read_lock(path: Path) -> Lock | None:
    """Read the lock in a file; None if the file does not exist.

    Raises:
        LockError: the file is not a lock, was edited so that it does not fit together, or is of a newer schema.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LockError(f"{path}: cannot be read as a lock ({error}); delete it and lock again") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > LOCK_VERSION:
        raise LockError(
            f"{path}: has schema version {version}, this flowinfra reads up to {LOCK_VERSION}; use a newer flowinfra"
        )
    try:
        return Lock.model_validate(data)
    except ValidationError as error:
        raise LockError(f"{path}: {_first(error)}; delete it and lock again") from None


def lock_for(request: CompileRequest) -> Lock | None:
    """The lock that compiling this request reads; None where it needs none or none is there."""
    return None if request.shape.environment == "local" else read_lock(lock_path(request))


def lock_flow(request: CompileRequest, *, explicit: bool = True, upgrade: bool = False) -> Lock | None:
    """Solve what is not locked yet, with the network, and write the lock; Metaflow's lines go to standard error.

    Args:
        request: the flow; its environment is conda or pypi.
        explicit: lock also a flow that has no @conda and no @pypi (Metaflow then makes an environment for each step).
        upgrade: solve everything anew instead of keeping what is locked and still asked for.

    Returns:
        The lock, or None if there is nothing to lock; then nothing is written.

    Raises:
        CompileError: the flow cannot be processed.
        LockError: no solver, no network, no solution, or a package that cannot be locked. Nothing is written.
    """
    check(request)
    path = lock_path(request)
    old = None if upgrade else read_lock(path)
    root = cache.cache_root()
    root.mkdir(parents=True, exist_ok=True)
    # beside the blobs: packages can be larger than what fits into a temporary file system
    with tempfile.TemporaryDirectory(prefix="lock-", dir=root) as folder:
        answer = process.solve(request, Path(folder), old, explicit, solver_variables(os.environ, root))
        found = _asked(answer.data)
        if not found["steps"] or not (explicit or found["declared"]):
            return None
        lock = build_lock(request, answer.data)
        for key, package in lock.packages.items():
            cache.adopt_blob(package.sha256, Path(folder) / found["packages"][key.removeprefix("conda/")]["file"])
    cache.write_atomically(path, lock.to_json().encode())
    return lock


def solver_variables(environment: Mapping[str, str], root: Path) -> dict[str, str]:
    """What micromamba and pip see: what configures them of the environment, and a place in the cache `root`."""
    variables = {name: value for name, value in environment.items() if _SOLVER_VARIABLES.fullmatch(name)}
    home = Path(variables.get("HOME") or Path.home())
    # where Metaflow itself leaves the micromamba that it downloads
    downloaded = home / ".metaflowconfig" / "micromamba" / "bin" / "micromamba"
    if "METAFLOW_PATH_TO_MICROMAMBA" not in variables and downloaded.is_file():
        variables["METAFLOW_PATH_TO_MICROMAMBA"] = str(downloaded)
    solver = root / "solver"
    return {**variables, "METAFLOW_TOKEN_HOME": str(solver), "MAMBA_ROOT_PREFIX": str(solver / "root")}


def build_lock(request: CompileRequest, answer: Answer) -> Lock:
    """What the child solved, as a lock."""
    found = _asked(answer)
    packages: dict[str, LockedPackage] = {}
    environments: dict[str, LockedEnvironment] = {}

    def keys(step: str, id_: str, kind: str) -> tuple[str, ...]:
        solved = found["manifest"].get(id_, {}).get(PLATFORM, {}).get(kind)
        if solved is None:
            raise LockError(
                f"{request.label}: Metaflow solved no {kind} packages of step {step} for {PLATFORM}; "
                "lock on Linux x86-64 or on macOS"
            )
        return tuple(sorted(_package(request, step, package, found["packages"], packages) for package in solved))

    for step, required in sorted(found["steps"].items()):
        id_ = required["environment"]
        if id_ not in environments:
            environments[id_] = LockedEnvironment(
                conda=keys(step, id_, "conda"),
                pypi=None if required["pypi"] is None else keys(step, id_, "pypi"),
            )
    assert request.shape.environment != "local"
    try:
        return Lock(
            flow=answer["flow"]["name"],
            metaflow=answer["metaflow"],
            environment=request.shape.environment,
            python=found["python"],
            steps={step: Requirements.model_validate(required) for step, required in found["steps"].items()},
            environments=environments,
            packages=packages,
        )
    except ValidationError as error:
        raise LockError(f"{request.label}: {_first(error)}") from None


def _package(
    request: CompileRequest,
    step: str,
    solved: Mapping[str, Any],
    kept: Mapping[str, Any],
    packages: dict[str, LockedPackage],
) -> str:
    """Key of a solved package, which is added to `packages`."""
    url = solved["url"]
    problem = address_problem(url)
    if problem or solved.get("require_build"):
        name = url.split("?")[0].split("#")[0].rsplit("/", 1)[-1]
        raise LockError(
            f"{request.label}: package {name} of step {step} cannot be locked: "
            f"{problem or 'it is built from source, which gives other bytes on each machine; publish it as a wheel'}"
        )
    key = f"conda/{solved['path']}"
    bytes_ = kept[solved["path"]]
    packages[key] = LockedPackage(url=url, sha256=bytes_["sha256"], size=bytes_["size"])
    return key


def check_lock(request: CompileRequest, lock: Lock | None, answer: Answer) -> None:
    """Raise `LockError` if a step asks for an environment that is not locked, or whose packages are not here.

    Args:
        request: the flow.
        lock: its lock, or None if the flow has no lock.
        answer: the child's report.
    """
    asked = _asked(answer)["steps"]
    steps = {step["name"]: asked[step["name"]] for step in answer["flow"]["steps"] if step["name"] in asked}
    if not steps:
        return
    path, command = lock_path(request), lock_command(request)
    if lock is None:
        raise LockError(
            f"{request.label}: {_listed('step', steps)} run in environments of their own, and there is no lock "
            f"{path}. Solve them once, with network, and commit the lock: {command}"
        )
    changed = {name: step for name, step in steps.items() if step["environment"] not in lock.environments}
    if changed:
        reasons = "; ".join(f"step {name}: {_difference(lock.steps.get(name), step)}" for name, step in changed.items())
        raise LockError(f"{request.label}: is not as {path} has it: {reasons}. Lock it again: {command}")
    absent = missing_packages(lock, used_environments(answer))
    if absent:
        raise LockError(
            f"{request.label}: {len(absent)} packages of {path} are not in the cache of this machine (the first is "
            f"{absent[0].rsplit('/', 1)[-1]}). Fetch them once, with network: {lock_command(request, '--fetch')}"
        )


def used_environments(answer: Answer) -> set[str]:
    """Ids of the environments of the steps that the child reported."""
    return {step["environment"] for step in _asked(answer)["steps"].values()}


def _asked(answer: Answer) -> Environments:
    """The environments of a flow that was compiled or solved with some."""
    found = answer["environments"]
    assert found is not None
    return found


def missing_packages(lock: Lock, environments: set[str]) -> list[str]:
    """Keys of packages whose bytes are not in the cache."""
    return [key for key in lock.keys_of(environments) if not cache.blob_path(lock.packages[key].sha256).exists()]


def environment_objects(lock: Lock, environments: set[str]) -> dict[str, DatastoreObject]:
    """The packages of some environments as objects that tasks read from the datastore.

    They are named by a digest of key and content: one wheel may be kept under the addresses of two indexes.
    """
    objects = {}
    for key in lock.keys_of(environments):
        package = lock.packages[key]
        name = hashlib.sha1(f"{key}\0{package.sha256}".encode(), usedforsecurity=False).hexdigest()
        objects[name] = DatastoreObject(key=key, sha256=package.sha256, size=package.size, kind="environment")
    return objects


def lock_command(request: CompileRequest, *options: str) -> str:
    """The command line that locks this request, to be run from where the flow's path holds."""
    words = ["flowinfra", "lock", str(request.flow)]
    if "--fetch" not in options:
        words += ["--environment", request.shape.environment]
        for spec in request.shape.decospecs:
            words += ["--with", spec]
        for name, path in sorted(request.config_files.items()):
            words += ["--config", name, str(path)]
        for name, value in sorted(request.shape.configs.items()):
            words += ["--config-value", name, value if isinstance(value, str) else json.dumps(value, sort_keys=True)]
        for name in sorted(request.env):
            words += ["--env", name]
        for name, value in sorted(request.shape.settings.items()):
            words += ["--setting", f"{name}={value}"]
        if request.python:
            words += ["--python", request.python]
    if request.lock:
        words += ["-o", str(request.lock)]
    return shlex.join([*words, *options])


def _difference(locked: Requirements | None, wanted: Mapping[str, Any]) -> str:
    """What changed in a step's requirements, in words."""
    if locked is None:
        return "is not locked"
    old = {"python": locked.python, **locked.conda, **(locked.pypi or {})}
    new = {"python": wanted["python"], **wanted["conda"], **(wanted["pypi"] or {})}
    changes = [
        f"{name} {old[name]} → {new[name]}" for name in sorted(old.keys() & new.keys()) if old[name] != new[name]
    ]
    changes += [f"{name} {new[name]} is new".replace("  ", " ") for name in sorted(new.keys() - old.keys())]
    changes += [f"{name} is gone" for name in sorted(old.keys() - new.keys())]
    if (locked.pypi is None) != (wanted["pypi"] is None):
        changes.append("@conda → @pypi" if locked.pypi is None else "@pypi → @conda")
    return ", ".join(changes) or "the environment's id differs"


def _listed(noun: str, names: Iterable[str]) -> str:
    found = list(names)
    return f"{noun}{'s' if len(found) > 1 else ''} {', '.join(found)}"


def _first(error: ValidationError) -> str:
    first: Json = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    what = str(first["msg"]).removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
