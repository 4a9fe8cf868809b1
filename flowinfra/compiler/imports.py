"""Whether a flow's tasks will find what they import: in the code package, or in what their image or lock has.

`judge` holds what the package does not have (`needs`) against what is declared, for each step where it runs.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowinfra.compiler import cache
from flowinfra.compiler.image_packages import Packages, normalized, packages
from flowinfra.compiler.needs import OWN, Need, Needs
from flowinfra.compiler.request import CompileRequest
from flowinfra.errors import CompileError, ConfigError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.lock import Lock

BOOTSTRAP = {
    "s3": ("boto3", "requests"),
    "azure": ("azure-identity", "azure-storage-blob", "azure-keyvault-secrets", "requests"),
    "gs": ("google-cloud-storage", "google-auth", "google-cloud-secret-manager", "packaging", "requests"),
}
"""Datastore → what Metaflow installs in a task before its code runs (`MetaflowEnvironment`)."""
_BARE = re.compile(r"(docker\.io/(library/)?|public\.ecr\.aws/docker/library/)?python(:3\.(?P<minor>[0-9]+)[\w.-]*)?")
"""Images of Python and nothing else; the first of them is Metaflow's default."""


@dataclass(frozen=True)
class Verdict:
    """What a compile says of a flow's imports."""

    errors: list[CompileError]
    warnings: list[str]


def judge(request: CompileRequest, compiled: CompiledFlow, needed: Needs, lock: Lock | None) -> Verdict:
    """Hold what the tasks import against what is declared.

    Raises:
        ConfigError: `image_packages` does not fit the flow.
    """
    steps = compiled.flow.steps
    for step in request.step_image_packages:
        if step not in steps:
            raise ConfigError(
                f"{request.label}: steps.{step}.image_packages: the flow has no step {step!r} "
                f"(it has: {', '.join(steps)})"
            )
    if not (needed.imports or request.image_packages or request.step_image_packages):
        return Verdict([], [])
    found = places(request, compiled, needed, lock)
    told = [_told(request, needed, name, failing, found) for name, failing in _failing(needed, found).items()]
    trusted: dict[str, list[Finding]] = {}
    for finding in told:
        if finding.trusted:
            trusted.setdefault(finding.place, []).append(finding)
    return Verdict(
        [CompileError(finding.words) for finding in told if finding.error],
        [
            *(finding.words for finding in told if not finding.error and not finding.trusted),
            *(_undeclared(findings) for findings in trusted.values()),
        ],
    )


@dataclass(frozen=True)
class Finding:
    """A module that tasks import and nothing is known to have."""

    head: str
    """Where the module is imported, and by whom."""
    words: str
    error: bool
    trusted: bool
    """Nobody can know whether its place has it."""
    place: str
    say: str
    """What `image_packages` would have to say."""


def _undeclared(findings: Sequence[Finding]) -> str:
    """One warning of all that an image must have."""
    say = ", ".join(dict.fromkeys(finding.say for finding in findings))
    heads = "; ".join(finding.head for finding in findings)
    return (
        f"{heads}: nothing declares {'that' if len(findings) == 1 else 'these'}, so {findings[0].place} must have "
        f"{'it' if len(findings) == 1 else 'them'}. If it does, say so: `image_packages: [{say}]` "
        "(on the command line --image-package)"
    )


@dataclass(frozen=True)
class Place:
    """Where the tasks of a step run."""

    words: str
    packages: Packages
    bare: bool
    """Whether the place is known to have nothing else."""
    modules: Lock | None = None
    environment: str | None = None

    def has(self, need: Need) -> bool:
        """Whether tasks find a module there."""
        if self.packages.have(need.name, need.found.get("distribution")):
            return True
        top = need.name.partition(".")[0]
        return self.modules is not None and top in _wheels(self.modules, self.environment or "")


def places(request: CompileRequest, compiled: CompiledFlow, needed: Needs, lock: Lock | None) -> dict[str, Place]:
    """Step → where its tasks run.

    Raises:
        ConfigError: an entry of `image_packages` is not of a kind that is allowed, or its file cannot be read.
    """
    return {step: _place(request, compiled, needed, lock, step) for step in compiled.flow.steps}


def _place(request: CompileRequest, compiled: CompiledFlow, needed: Needs, lock: Lock | None, step: str) -> Place:
    entries = request.step_image_packages.get(step, request.image_packages)
    declared = packages(entries, request.label, needed.libraries).names
    environment = needed.environments.get(step)
    if environment is not None and lock is not None:
        keys = lock.keys_of({environment})
        names = frozenset(normalized(_distribution(key)) for key in keys)
        solved = lock.environments[environment]
        return Place(
            "the locked environment",
            Packages(names),
            solved.pypi is not None,
            lock if solved.pypi else None,
            environment,
        )
    image = compiled.flow.steps[step].image or ""
    bare = _BARE.fullmatch(image)
    installed = {normalized(name) for name in BOOTSTRAP[request.shape.datastore]}
    if bare:
        old = bare["minor"] is not None and int(bare["minor"]) < 12
        installed |= {"pip", *(("setuptools", "wheel", "pkg-resources") if old else ())}
    return Place(f"the image {image}", Packages(declared | installed, needed.libraries), bare is not None)


def _distribution(key: str) -> str:
    """Name of the distribution that a package of a lock is: wheels and conda's packages begin with it."""
    name = key.rsplit("/", 1)[-1]
    return name.split("-")[0] if name.endswith(".whl") else re.split(r"-[0-9]", name)[0]


def _wheels(lock: Lock, environment: str) -> set[str]:
    """Top-level modules of an environment's wheels, read off the wheels themselves."""
    found: set[str] = set()
    for key in lock.keys_of({environment}):
        if key.endswith(".whl"):
            with zipfile.ZipFile(cache.blob_path(lock.packages[key].sha256)) as wheel:
                found |= {name.split("/")[0].partition(".")[0] for name in wheel.namelist()}
    return found


Failing = tuple[Need, list[str]]
"""An import, and the steps whose tasks do not find what it names."""


def _failing(needed: Needs, places: Mapping[str, Place]) -> dict[str, list[Failing]]:
    """Module → its imports that are not found.

    Of one's own package only what holds the others is named: a task fails at that.
    """
    first = {need.name: need for need in reversed(needed.imports)}

    def lacking(need: Need) -> list[str]:
        steps = [step for step in places if need.step in (None, step) and not places[step].has(need)]
        if need.via is not None:
            # what has the module that imports it has what that needs
            steps = [step for step in steps if not places[step].has(first[need.via])]
        return steps

    every = [(need, lacking(need)) for need in needed.imports]
    absent: dict[str, set[str]] = {}
    for need, steps in every:
        absent.setdefault(need.name, set()).update(steps)
    by_name: dict[str, list[Failing]] = {}
    for need, lacked in every:
        steps = [step for step in lacked if not need.unless or any(step in absent.get(n, ()) for n in need.unless)]
        foreign, unfound = need.found["kind"] not in OWN, need.found["kind"] == "absent"
        # with something in its place, or behind a condition that does not hold here: it need not be there
        if (need.optional and foreign) or (unfound and not need.sure and need.inside is None):
            continue
        parts = need.name.split(".")
        if steps and not any(".".join(parts[:count]) in absent for count in range(1, len(parts))):
            by_name.setdefault(need.name, []).append((need, steps))
    return by_name


def _told(
    request: CompileRequest, needed: Needs, name: str, failing: Sequence[Failing], places: Mapping[str, Place]
) -> Finding:
    """What is said of a module that is not found: by the first import that surely fails, else by the first."""

    def fails(entry: Failing) -> bool:
        need, steps = entry
        decided = need.found["kind"] in OWN or any(places[step].bare for step in steps)
        return need.sure and not need.optional and decided

    need, steps = next((entry for entry in failing if fails(entry)), failing[0])
    error, found = fails((need, steps)), need.found
    distribution = found.get("distribution")
    head = _head(request, need, steps, places, len(failing) - 1)
    place = " and ".join(dict.fromkeys(places[step].words for step in steps))
    say = normalized(distribution or name.partition(".")[0])
    has_it = f"`image_packages: [{say}]` (on the command line --image-package {say})"
    if found["kind"] in OWN:
        rest = (
            f"which is not in the code package: {_origin(request, found)}. {_packed(request, name, found)}; "
            f"or, if the image has it, say so: {has_it}"
        )
    elif any(places[step].environment for step in steps):
        rest = (
            f"which {'is not' if error else 'may not be'} in {place}: add it to the step's @pypi or @conda, and lock "
            "again with `flowinfra lock`"
        )
    elif any(places[step].bare for step in steps):
        rest = (
            f"which {place} does not have. Name an image that has it (`image`), and say so: {has_it}; "
            "or declare it with @pypi or @conda"
        )
    else:
        return Finding(head, head, error=False, trusted=True, place=place, say=say)
    return Finding(head, f"{head}, {rest}", error, trusted=False, place=place, say=say)


def _head(request: CompileRequest, need: Need, steps: Sequence[str], places: Mapping[str, Place], more: int) -> str:
    """`FILE:LINE: step train imports 'yaml' (PyYAML)`."""
    file = request.label if need.file == str(request.file) else need.file
    if len(steps) == len(places):
        who = "its tasks import"
    else:
        who = f"step {steps[0]} imports" if len(steps) == 1 else f"steps {', '.join(steps)} import"
    distribution = need.found.get("distribution")
    other = distribution and normalized(distribution) != normalized(need.name)
    what = repr(need.name) + (f" ({distribution})" if other else "")
    if need.inside is not None:
        when = f" when {need.inside}() is called"
    elif need.optional:
        when = ", and do without it where it is not there"
    else:
        when = "" if need.sure else " on a condition"
    also = f" ({more} more such import{'s' * (more > 1)})" if more else ""
    return f"{file}:{need.line}: {who} {what}{when}{also}"


def _origin(request: CompileRequest, found: Mapping[str, Any]) -> str:
    """How a module of one's own comes to be importable here."""
    file = found["file"]
    if "distribution" in found:
        return f"{file} is importable here by the editable install of {found['distribution']}"
    if "path_file" in found:
        return f"{file} is importable here by {found['path_file']} of the interpreter's site-packages"
    folder = request.file.parent.resolve()
    if Path(file).is_relative_to(folder):
        return f"{file} is left out of it"
    if found.get("by_flow"):
        return f"{file} is importable here because the flow puts {found['path']} on sys.path"
    return f"{file} is outside of it"


def _packed(request: CompileRequest, name: str, found: Mapping[str, Any]) -> str:
    """What puts a module of one's own into the package."""
    if found["kind"] == "binary":
        return "Metaflow packages no compiled modules: name it in `package: {include: […]}`"
    if Path(found["file"]).is_relative_to(request.file.parent.resolve()) and not found.get("path_file"):
        return "See `package: {exclude, include}`"
    top, base = name.partition(".")[0], request.base.resolve()
    file = Path(found["file"])
    package = next((folder for folder in file.parents if folder.name == top), file)
    inside, root = (Path(os.path.relpath(path, base)).as_posix() for path in (package, package.parent))
    return f"Package it: `package: {{{'' if root == '.' else f'root: {root}, '}include: [{inside}]}}`"
