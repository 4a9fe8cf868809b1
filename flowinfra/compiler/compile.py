"""Compile flows: from the cache where nothing that was read has changed, else by a child process each."""

from __future__ import annotations

import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flowinfra.compiler import cache, process
from flowinfra.compiler.confidential import refuse_secrets
from flowinfra.compiler.driver.protocol import Answer
from flowinfra.compiler.failures import unfit
from flowinfra.compiler.image_packages import Packages
from flowinfra.compiler.imports import judge, places
from flowinfra.compiler.lock import check_lock, environment_objects, lock_for, used_environments
from flowinfra.compiler.needs import Needs, needs
from flowinfra.compiler.package import Package, compress
from flowinfra.compiler.provenance import WorkTrees
from flowinfra.compiler.request import CompileRequest, check, config_texts, selection
from flowinfra.compiler.variables import Variables, unseen
from flowinfra.compiler.variables import warnings as variable_warnings
from flowinfra.errors import FlowInfraError, named, named_from, together
from flowinfra.model.base import Json, build
from flowinfra.model.compiled import CompiledFlow, DatastoreObject
from flowinfra.model.lock import Lock
from flowinfra.targets import TARGETS, compiled_flow

Progress = Callable[[CompileRequest, bool], None]
"""Called when a flow is compiled, with True if it came from the cache."""
Warn = Callable[[str], None]
"""Called with each warning about a flow; also for a compile from the cache."""


class CompileWarning(UserWarning):
    """A warning of a compile, where the caller gave no function that takes the warnings."""


def _warn(text: str) -> None:
    warnings.warn(text, CompileWarning, stacklevel=3)


def compile_flow(request: CompileRequest, warn: Warn = _warn) -> CompiledFlow:
    """Compile one flow to data; equal inputs give equal bytes, on any machine.

    Args:
        request: what to compile.
        warn: takes each warning; without it they are Python's (`CompileWarning`).

    Raises:
        CompileError: Metaflow refuses the flow, the request does not fit it, or its tasks would not find a module.
        LockError: it has @conda or @pypi packages that are not locked.
        Problems: several things are wrong with the request itself.
    """
    with named_from(request.root):
        return _compile(request, cache.Reads(), warn).compiled


def compile_with_needs(request: CompileRequest, warn: Warn) -> tuple[CompiledFlow, Needs, list[Packages]]:
    """Compile as `compile_flow` does, with what the tasks need beside the package, and what their places have."""
    with named_from(request.root):
        made = _compile(request, cache.Reads(), warn)
        found = places(request, made.compiled, made.needed, made.lock)
        return made.compiled, made.needed, [place.packages for place in found.values()]


def compile_flows(
    requests: Sequence[CompileRequest],
    jobs: int | None = None,
    progress: Progress | None = None,
    warn: Warn = _warn,
) -> list[CompiledFlow]:
    """Compile several flows in parallel, results in the order of the requests.

    Args:
        requests: what to compile.
        jobs: child processes at a time; None for one per processor.
        progress: called as each flow is done.
        warn: takes each warning, in the order of the requests; without it they are Python's (`CompileWarning`).

    Raises:
        Problems: all errors of all flows.
    """
    results = compile_each(requests, jobs, progress, warn)
    if errors := [result for result in results if isinstance(result, FlowInfraError)]:
        raise together(errors)
    return [result for result in results if isinstance(result, CompiledFlow)]


def compile_each(
    requests: Sequence[CompileRequest],
    jobs: int | None = None,
    progress: Progress | None = None,
    warn: Warn = _warn,
) -> list[CompiledFlow | FlowInfraError]:
    """Compile as `compile_flows` does, with a failed flow's error in its place, so that the caller can go on."""
    for target in {request.target for request in requests} & TARGETS.keys():
        TARGETS[target].part("compiled")
    build()
    # digests of shared modules are taken once for all flows
    reads = cache.Reads()

    told: dict[int, list[str]] = {id(request): [] for request in requests}

    def one(request: CompileRequest) -> CompiledFlow | FlowInfraError:
        try:
            with named_from(request.root):
                made = _compile(request, reads, told[id(request)].append)
        except FlowInfraError as error:
            return error
        if progress is not None:
            progress(request, made.cached)
        return made.compiled

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        results = list(pool.map(one, requests))
    for text in dict.fromkeys(text for request in requests for text in told[id(request)]):
        warn(text)
    return results


def evaluate_parameters(
    request: CompileRequest, user: str, branch: str | None = None, now: datetime | None = None
) -> dict[str, Json]:
    """Values of the parameters whose default is a function, evaluated now.

    Outside the digest and the cache: the values belong to a deployment, not to the compiled flow.

    Args:
        request: the flow.
        user: who deploys; Metaflow's `context.user_name`.
        branch: git branch that is deployed; the function reads it from FLOWINFRA_BRANCH.
        now: declared time; the function reads it from FLOWINFRA_NOW (ISO 8601).
    """
    declared = {"FLOWINFRA_BRANCH": branch, "FLOWINFRA_NOW": now.isoformat() if now else None}
    with named_from(request.root), tempfile.TemporaryDirectory(prefix="flowinfra-") as folder:
        check(request)
        answer = process.evaluate(request, Path(folder), user, {k: v for k, v in declared.items() if v})
        return answer.data["evaluated"] or {}


def unreviewed_files(flows: Sequence[tuple[CompiledFlow, CompileRequest]]) -> list[list[str]]:
    """What a reviewer cannot see of the package of each flow, in words: files that git does not have."""
    trees = WorkTrees()
    return [list(_unreviewed(compiled, request, trees)) for compiled, request in flows]


def _unreviewed(compiled: CompiledFlow, request: CompileRequest, trees: WorkTrees) -> Iterator[str]:
    files = {name: str(path) for name, path in selection(request).sources(compiled.package.files).items()}
    if missing := sorted(name for name, path in files.items() if not trees.has(path)):
        yield f"packaged, but not in git: {', '.join(missing)}"
    for problem in dict.fromkeys(filter(None, map(trees.problem, files.values()))):
        yield f"git does not say which files it ignores, so that none of them was left out of the package: {problem}"


@dataclass(frozen=True)
class _Made:
    """A compiled flow, and what it was judged with."""

    compiled: CompiledFlow
    needed: Needs
    lock: Lock | None
    cached: bool


def _compile(request: CompileRequest, reads: cache.Reads, warn: Warn) -> _Made:
    """The compiled flow, from the cache or not; what its tasks import is judged in either case."""
    check(request)
    lock = lock_for(request)
    compiled, notes, cached = _recorded(request, lock, reads)
    needed = Needs.of(notes["imports"])
    verdict = judge(request, compiled, needed, lock)
    variables = Variables.of(notes["variables"])
    for text in (*notes["ignored"], *verdict.warnings, *variable_warnings(request, compiled, variables)):
        warn(named(text, request.root))
    if verdict.errors:
        raise together(verdict.errors)
    return _Made(compiled, needed, lock, cached)


def _recorded(
    request: CompileRequest, lock: Lock | None, reads: cache.Reads
) -> tuple[CompiledFlow, dict[str, Any], bool]:
    """The compiled flow, notes (`imports`, `variables`, `ignored`), and whether it came from the cache."""
    python = process.interpreter(request)
    key = cache.entry_key(
        {
            "flow": str(request.file),
            "folders": [str(request.base), str(request.working_folder)],
            "target": request.target,
            "shape": request.shape.model_dump(mode="json"),
            "configs": config_texts(request),
            "env": unseen(request.env),
            "python": [python, os.path.realpath(python)],
            "lock": lock.to_json() if lock else None,
        }
    )
    found = cache.find(key, reads, request.env)
    if found is not None:
        result, notes = found
        return compiled_flow(json.loads(result)), notes, True
    began = time.time_ns()
    with tempfile.TemporaryDirectory(prefix="flowinfra-") as folder, ThreadPoolExecutor(1) as beside:
        loading = beside.submit(_load, request.target)
        answer = process.record(request, Path(folder), lock)
        assemble, flow_warnings = loading.result()
        packages: dict[str, DatastoreObject] = {}
        if answer.data["environments"] is not None:
            check_lock(request, lock, answer.data)
            packages = environment_objects(lock, used_environments(answer.data)) if lock else {}
        blobs: dict[str, Future[None]] = {}

        def keep_bytes(sha256: str, content: bytes) -> None:
            blobs[sha256] = beside.submit(_store, sha256, content)

        try:
            made, package = assemble(request, answer.data, answer.folder, reads.trees, packages, keep_bytes)
        except (LookupError, TypeError, ValueError) as error:
            what = f"sends what flowinfra does not understand ({type(error).__name__}: {error})"
            raise unfit(request, answer.data["metaflow"], what) from error
        refuse_secrets(made, request.label)
        variables = Variables.of(answer.data["variables"])
        notes = {
            "imports": needs(request, answer.data, made).data(),
            "variables": asdict(variables),
            "ignored": [f"{request.label}: {each}" for each in flow_warnings(request, answer.data["flow"])],
        }
        files, folders = _inputs(answer.data, package, reads)
        for stored in blobs.values():
            stored.result()
    if not cache.Reads.changed_since([*files, *folders], began):
        kept = [*blobs, *(entry.sha256 for entry in packages.values())]
        git_says = {path: path in package.ignored for path in [*package.read, *package.ignored]}
        cache.remember(key, files, folders, made.to_json().encode(), kept, variables.reads(request), notes, git_says)
    return made, notes, False


def _store(sha256: str, content: bytes) -> None:
    """Compress an object and keep it; compressing lets other threads go on."""
    cache.put_blob(sha256, compress(content))


def _load(target: str) -> tuple[Callable[..., tuple[CompiledFlow, Package]], Callable[..., Iterator[str]]]:
    """What makes a CompiledFlow of an answer; loaded while the child runs, and not at all for what the cache has."""
    from flowinfra.compiler.assemble import assemble
    from flowinfra.compiler.flow_checks import flow_warnings

    for part in ("compiled", "reading"):
        TARGETS[target].part(part)
    build()
    return assemble, flow_warnings


def _inputs(answer: Answer, package: Package, reads: cache.Reads) -> tuple[dict[str, str | None], list[str]]:
    """Files with their digests and folders that a compile depended on."""
    version = answer["version_file"]
    files = {**answer["files"], **package.read, version: reads.file(version)}
    left_out = tuple(f"{path}/" for path in package.ignored if path not in package.read)
    folders = {folder for folder in answer["folders"] if not f"{folder}/".startswith(left_out)}
    return files, sorted({*folders, *answer["libraries"]})
