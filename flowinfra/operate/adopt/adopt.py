"""What Metaflow's own commands deployed by hand → entries of a stack's file, for flows of a project's folder."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowinfra.clouds.aws import Access
from flowinfra.clouds.kubernetes import Cluster
from flowinfra.engine.project import project_folder, project_name, read_mapping, stack_file
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.operate.accounts import refuse_strangers
from flowinfra.operate.adopt.account import Account
from flowinfra.operate.adopt.entries import OWN, Adoption, NotAdoptedError, Stack
from flowinfra.operate.adopt.places import Candidate, InAccount, InCluster, Place
from flowinfra.operate.adopt.sources import classes_of, flows_in
from flowinfra.operate.adopt.writing import with_adopted
from flowinfra.stack.loading import stored, stored_stack


@dataclass(frozen=True)
class Adopted:
    """The deployments that were found, and those that became the stack's."""

    file: str
    """The stack's file, from the project's folder."""
    adoptions: tuple[Adoption, ...]
    left: Mapping[str, str]
    """State machine or WorkflowTemplate → why it was left alone."""
    changed: bool
    """Whether the file was, or would be, changed."""


def adopt(stack: str, flows: Sequence[str], folder: Path, dry_run: bool) -> Adopted:
    """Write the entries of flows that were deployed by hand into a stack's file. Nothing else is changed.

    Args:
        stack: its name.
        flows: names of flows or of what is deployed, or files; all of the project's flows where there are none.
        folder: within the Pulumi project.
        dry_run: whether the file stays unchanged.

    Raises:
        Problems: what was named cannot be adopted; nothing is written then.
        FlowInfraError: the stack's file is wrong, or its account or cluster is not reached.
    """
    root = project_folder(folder)
    flows = [_from_root(root, folder, each) for each in flows]
    file = stack_file(root, stack.rsplit("/", 1)[-1])
    known = Stack(project_name(root), file.stack, file.label, stored(file), stored_stack(root, file.stack))
    sources = flows_in(root)
    candidates = _chosen(_places(stack, known, root), sources, flows, root)
    adoptions: list[Adoption] = []
    left: dict[str, str] = {}
    for each in candidates:
        try:
            adoptions.append(each.become(_source(known, each, sources, flows)))
        except NotAdoptedError as error:
            left[each.name] = str(error)
    refused = [ConfigError(f"{name}: {reason}") for name, reason in left.items() if flows and reason != OWN]
    if refused:
        raise Problems(refused)
    chosen = _one_entry_each(adoptions)
    text = file.path.read_text(encoding="utf-8")
    after = with_adopted(text, chosen)
    if after != text and not dry_run:
        file.path.write_text(after, encoding="utf-8")
    return Adopted(file.label, tuple(chosen), left, after != text)


def _from_root(root: Path, folder: Path, given: str) -> str:
    """A flow's file as a path from the project's folder, where a person names it from the folder that they are in.

    Raises:
        ConfigError: the file does not exist.
    """
    if not given.endswith(".py"):
        return given
    for base in (folder, root):
        path = Path(os.path.normpath(base / given))
        if path.is_file() and path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    raise ConfigError(f"{given}: there is no such file in the project's folder ({root})")


def _places(stack: str, known: Stack, root: Path) -> list[Place]:
    """Where flows of the stack may be deployed: its account, and the namespace of its cluster.

    Raises:
        FlowInfraError: one of them is not known or not reached.
    """
    platform = known.config.platform
    config = read_mapping(root / known.label, known.label).get("config") or {}
    places: list[Place] = []
    if platform.queue or platform.create or not platform.kubernetes:
        places.append(InAccount(known, _account(stack, known, config, root), root))
    if platform.kubernetes:
        cluster = Cluster(config.get("kubernetes:kubeconfig"), config.get("kubernetes:context"))
        places.append(InCluster(known, cluster, platform.kubernetes.namespace, root))
    return places


def _account(stack: str, known: Stack, config: Mapping[str, Any], root: Path) -> Account:
    """The stack's account.

    Raises:
        FlowInfraError: the region is not known, or the credentials are of another account.
    """
    access = Access.of(config)
    session = access.session()
    region = known.config.platform.region or session.region_name
    if not region:
        raise ConfigError(f"{known.label}: aws:region is missing; give the region of the flows")
    bucket = known.config.platform.bucket
    refuse_strangers(session, stack, root, access, {bucket} if bucket else set())
    return Account(session, region)


def _chosen(
    places: Sequence[Place], sources: Mapping[str, Sequence[str]], flows: Sequence[str], root: Path
) -> list[Candidate]:
    """Deployments that may be adopted.

    Raises:
        Problems: a flow that was named is not there.
    """
    if not flows:
        return [each for place in places for each in place.look([n for n in place.names if place.may_be(n, sources)])]
    chosen: dict[Place, list[str]] = {place: [] for place in places}
    problems = list[FlowInfraError]()
    for given in flows:
        wanted = classes_of(root / given) if given.endswith(".py") else [given]
        hits = {place: [n for n in place.names if n in wanted or place.may_be(n, wanted)] for place in places}
        if not any(hits.values()):
            problems.append(ConfigError("; ".join(_not_there(place, given) for place in places)))
        for place, names in hits.items():
            chosen[place] += names
    if problems:
        raise Problems(problems)
    return [each for place, names in chosen.items() for each in place.look(list(dict.fromkeys(names)))]


def _not_there(place: Place, given: str) -> str:
    near = difflib.get_close_matches(given, place.names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return (
        f"{given}: {place.label} has no {place.noun} of that flow{hint}; name the flow, its file, or the {place.listed}"
    )


def _source(
    stack: Stack, candidate: Candidate, sources: Mapping[str, Sequence[str]], flows: Sequence[str]
) -> str | None:
    """The file of a deployment's flow; None for one that Metaflow did not make.

    Raises:
        NotAdoptedError: it is missing, or it is not known which of several it is.
    """
    flow, name = candidate.flow, candidate.file
    if flow is None:
        return None
    files = [path for path in sources.get(flow, ()) if name is None or Path(path).name == name]
    if not files:
        what = f"{name} with a class {flow}" if name else f"file with a class {flow}"
        raise NotAdoptedError(f"the project has no {what}")
    of_stack = [path for path in files if any(path == each.flow for each in stack.config.flows)]
    given = [path for path in files if path in flows]
    for some in (given, files, of_stack):
        if len(some) == 1:
            return some[0]
    raise NotAdoptedError(f"its flow {flow} is in {', '.join(files)}: name the file, `flowinfra adopt STACK FILE`")


def _one_entry_each(adoptions: Iterable[Adoption]) -> list[Adoption]:
    """Two deployments of one file that would get the same entry: the second one gets an entry of its own."""
    taken: set[int] = set()
    result = []
    for each in adoptions:
        if each.entry is not None and each.entry in taken:
            each = replace(each, entry=None)
        if each.entry is not None:
            taken.add(each.entry)
        result.append(each)
    return result
