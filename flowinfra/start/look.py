"""What is known before anything is written: the flows, Metaflow's settings, and what the folder has already."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from posixpath import normpath
from typing import Any, TypeVar

from flowinfra.compiler.provenance import main_branch, origin_address
from flowinfra.components.binding import value_problem
from flowinfra.engine.project import FILE, read_mapping, stack_file
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.loading import known_stacks, stored_stack
from flowinfra.start.flows import Found, find_flows
from flowinfra.start.metaflow_settings import Platform, home_folder, profile_file, profiles, read_platform
from flowinfra.start.stack_files import CLOUD, DEV, PROD, STAGING

T = TypeVar("T")

_PROFILES = {DEV: ("dev", "development"), STAGING: ("staging", "stage"), PROD: ("prod", "production")}
"""Stack → names of the profiles that are for it, if nobody names another one."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_BUCKET = re.compile(r"(?:s3://)?([^/]+)(?:/+(.*?))?/*")
_GRAMMARS = {"bucket": "bucket", "prefix": "prefix", "queue": "queue", "table": "table", "region": "region"}
_GRAMMARS |= {"namespace": "kubernetes-namespace", "service_url": "service-url", "service_account": "service-account"}


@dataclass(frozen=True)
class Given:
    """What a person gave on the command line; None or nothing for what was not given."""

    target: str | None = None
    bucket: str | None = None
    queue: str | None = None
    table: str | None = None
    region: str | None = None
    namespace: str | None = None
    dags: str | None = None
    profile: str | None = None
    ci: str | None = None
    name: str | None = None
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """A repository as it was found, and the value of each option that was not given."""

    folder: Path
    found: Found
    platforms: Mapping[str, Platform]
    """Stack → what it deploys to."""
    target: str
    ci: str
    name: str
    branch: str
    stack_folder: str
    has_project: bool
    """Whether there is a `Pulumi.yaml` whose program is not in its own folder."""
    stacks: Mapping[str, StackConfig] = field(default_factory=dict)
    """Each stack that has a file already."""

    def flows_of(self, stack: str) -> frozenset[str] | None:
        """Files of the flows of a stack; None where it has no file yet."""
        config = self.stacks.get(stack)
        return None if config is None else frozenset(normpath(flow.flow) for flow in config.flows)


def look(folder: Path, given: Given, variables: Mapping[str, str]) -> Known:
    """Look at a repository and at Metaflow's settings.

    Args:
        folder: the repository's folder.
        given: the options.
        variables: of the environment.

    Raises:
        Problems: everything that keeps files from being written.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is not a folder; give the folder of your repository")
    wrong: list[FlowInfraError] = []
    found = find_flows(folder, given.only)
    if not found.flows:
        wrong.append(_no_flow(folder, found, given))
    unknown = _with_given(Platform(), given, variables)
    platforms = _tried(wrong, lambda: _platforms(given, variables), dict.fromkeys(CLOUD, unknown))
    wrong += _value_problems(platforms)
    project: dict[str, Any] = {}
    project = _tried(wrong, lambda: _project(folder), project)
    name = str(project.get("name") or given.name or _name_of(folder))
    if not _NAME.fullmatch(name):
        wrong.append(
            ConfigError(f"--name: found {name!r}, allowed: 1 to 100 letters, digits, `_`, `.` and `-`, as in `fraud`")
        )
    stacks: Mapping[str, StackConfig] = {}
    if project:
        stacks = _tried(wrong, lambda: _stacks(folder), stacks)
    if wrong:
        raise Problems(wrong)
    return Known(
        folder,
        found,
        platforms,
        given.target or _target(platforms[PROD], stacks),
        given.ci or _ci(folder),
        name,
        main_branch(folder) or "main",
        str(project.get("stackConfigDir") or "") if project else "stacks",
        bool(project.get("main")),
        stacks,
    )


def differing(known: Known, given: Given) -> Iterator[str]:
    """What was given and has no effect, for the project's file says otherwise."""
    if given.name and given.name != known.name:
        yield f"--name {given.name}: has no effect, for {FILE} has the name {known.name!r}"


def _tried(wrong: list[FlowInfraError], make: Callable[[], T], otherwise: T) -> T:
    """What is made; where that is refused, the errors are noted."""
    try:
        return make()
    except FlowInfraError as error:
        wrong += error.errors
        return otherwise


def _no_flow(folder: Path, found: Found, given: Given) -> ConfigError:
    where = f"{folder} with --flows {' '.join(given.only)}" if given.only else str(folder)
    seen = "".join(f"\n    {each}" for each in found.passed_over)
    return ConfigError(
        f"{where}: no flow was found; a flow is a file with a class of FlowSpec that ends with `if __name__ == "
        f"'__main__': MyFlow()`, and that git does not ignore{seen and f'. These were passed over:{seen}'}"
    )


def _platforms(given: Given, variables: Mapping[str, str]) -> dict[str, Platform]:
    """Stack → its platform, by the profile that is named, else by that of the stack's name, else by the usual one."""
    home = home_folder(variables)
    named = next(((name, whence) for name, whence in _named(given, variables) if name), None)
    files: dict[str, Path | None]
    if named:
        files = dict.fromkeys(CLOUD, profile_file(home, *named))
    else:
        known = profiles(home)
        files = {
            stack: next((known[name] for name in (*_PROFILES[stack], "") if name in known), None) for stack in CLOUD
        }
    wrong: list[FlowInfraError] = []
    read = {
        file: _tried(wrong, lambda file=file: read_platform(file), Platform())  # type: ignore[misc]
        for file in dict.fromkeys(files.values())
        if file
    }
    if wrong:
        raise Problems(wrong)
    return {stack: _with_given(read[file] if file else Platform(), given, variables) for stack, file in files.items()}


def _named(given: Given, variables: Mapping[str, str]) -> Iterator[tuple[str | None, str]]:
    yield given.profile, "--profile"
    yield variables.get("METAFLOW_PROFILE"), "METAFLOW_PROFILE"


def _with_given(platform: Platform, given: Given, variables: Mapping[str, str]) -> Platform:
    changes: dict[str, Any] = {
        key: value
        for key in ("queue", "table", "region", "namespace", "dags")
        if (value := getattr(given, key)) is not None
    }
    if given.bucket and (bucket := _BUCKET.fullmatch(given.bucket)):
        changes |= {"bucket": bucket[1], **({"prefix": bucket[2]} if bucket[2] else {})}
    asked = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    made = replace(platform, **changes)
    return made if made.region or not asked else replace(made, region=asked)


def _value_problems(platforms: Mapping[str, Platform]) -> Iterator[FlowInfraError]:
    said = set[str]()
    for platform in platforms.values():
        for key, grammar in _GRAMMARS.items():
            value = getattr(platform, key)
            problem = value_problem(grammar, value) if value else None
            if problem and problem not in said:
                said.add(problem)
                yield ConfigError(f"{platform.source or 'command line'}: {problem}")


def _project(folder: Path) -> dict[str, Any]:
    """The content of a `Pulumi.yaml` that is there; empty without such a file."""
    try:
        project = read_mapping(folder / FILE, FILE)
    except FileNotFoundError:
        return {}
    runtime = project.get("runtime")
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise ConfigError(
            f"{FILE}: found the runtime {language!r}, and flowinfra's program is Python; run `flowinfra init` in "
            "another folder, such as one for flows alone"
        )
    if not project.get("name"):
        raise ConfigError(f"{FILE}: has no name; give the project's, as in `name: shop`")
    return project


def _stacks(folder: Path) -> Mapping[str, StackConfig]:
    """The stacks of the project that have a file."""
    wrong: list[FlowInfraError] = []
    found: dict[str, StackConfig] = {}
    for stack in known_stacks(stack_file(folder, "any")):
        config = _tried(wrong, lambda stack=stack: stored_stack(folder, stack), None)  # type: ignore[misc]
        found |= {stack: config} if config else {}
    if wrong:
        raise Problems(wrong)
    return found


def _name_of(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-.")[:100] or "flows"


def _target(platform: Platform, stacks: Mapping[str, StackConfig]) -> str:
    """The target of the flows that the project has already, else the one that the settings are for."""
    for stack in sorted(stacks, key=lambda stack: (stack not in CLOUD, stack)):
        if stacks[stack].flows:
            return stacks[stack].flows[0].target
    return "argo" if platform.namespace and not platform.queue else "step-functions"


def _ci(folder: Path) -> str:
    """The continuous integration that the repository has, or that its forge has."""
    address = origin_address(folder)
    for ci, sign in (("github", ".github"), ("gitlab", ".gitlab-ci.yml")):
        if (folder / sign).exists() or ci in address:
            return ci
    return "none"
