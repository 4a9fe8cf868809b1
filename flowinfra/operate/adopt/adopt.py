"""What Metaflow's own command deployed by hand → entries of a stack's file, for flows of a project's folder."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flowinfra.clouds.aws import Access
from flowinfra.engine.project import project_folder, project_name, read_mapping, stack_file
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.operate.accounts import refuse_strangers
from flowinfra.operate.adopt.account import Account, Machine
from flowinfra.operate.adopt.entries import Adoption, NotAdoptedError, Stack, adoption
from flowinfra.operate.adopt.sources import classes_of, flows_in, project_of
from flowinfra.operate.adopt.writing import with_adopted
from flowinfra.stack.loading import stored, stored_stack


@dataclass(frozen=True)
class Adopted:
    """The deployments that were found, and those that became the stack's."""

    file: str
    """The stack's file, from the project's folder."""
    adoptions: tuple[Adoption, ...]
    left: Mapping[str, str]
    """State machine → why it was left alone."""
    changed: bool
    """Whether the file was, or would be, changed."""


def adopt(stack: str, flows: Sequence[str], folder: Path, dry_run: bool) -> Adopted:
    """Write the entries of flows that were deployed by hand into a stack's file. Nothing is changed in AWS.

    Args:
        stack: its name.
        flows: names of flows or state machines, or files; all of the project's flows where there are none.
        folder: within the Pulumi project.
        dry_run: whether the file stays unchanged.

    Raises:
        Problems: what was named cannot be adopted; nothing is written then.
        FlowInfraError: the stack's file is wrong, or its account is not reached.
    """
    root = project_folder(folder)
    flows = [_from_root(root, folder, each) for each in flows]
    file = stack_file(root, stack.rsplit("/", 1)[-1])
    known = Stack(project_name(root), file.stack, file.label, stored(file), stored_stack(root, file.stack))
    sources = flows_in(root)
    found, left = _found(known, _account(stack, known, root), sources, flows, root)
    adoptions: dict[str, Adoption] = {}
    for machine in found:
        try:
            place = _source(known, machine, sources, flows)
            project = project_of(root / place, machine.by_hand.flow) if machine.by_hand else None
            adoptions[machine.name] = adoption(known, machine, place, project)
        except NotAdoptedError as error:
            left[machine.name] = str(error)
    refused = [ConfigError(f"{name}: {reason}") for name, reason in left.items() if flows and reason != _OWN]
    if refused:
        raise Problems(refused)
    chosen = _one_entry_each(adoptions.values())
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


_OWN = "is this stack's already"


def _account(stack: str, known: Stack, root: Path) -> Account:
    """The stack's account.

    Raises:
        FlowInfraError: the region is not known, or the credentials are of another account.
    """
    config = read_mapping(root / known.label, known.label).get("config") or {}
    access = Access.of(config)
    session = access.session()
    region = known.config.platform.region or session.region_name
    if not region:
        raise ConfigError(f"{known.label}: aws:region is missing; give the region of the flows")
    bucket = known.config.platform.bucket
    refuse_strangers(session, stack, root, access, {bucket} if bucket else set())
    return Account(session, region)


def _found(
    stack: Stack, account: Account, sources: Mapping[str, Sequence[str]], flows: Sequence[str], root: Path
) -> tuple[list[Machine], dict[str, str]]:
    """State machines that may be adopted, and those that are left alone, with the reason.

    Raises:
        Problems: a flow that was named is not there.
    """
    arns = account.names()
    if not flows:
        names = [name for name in arns if any(_may_be(name, flow, stack.config.name_prefix) for flow in sources)]
        return account.look(arns[name] for name in sorted(names)), {}
    names, problems = [], list[FlowInfraError]()
    for given in flows:
        wanted = classes_of(root / given) if given.endswith(".py") else [given]
        hits = [name for name in sorted(arns) if any(_is_named(name, each, stack) for each in wanted)]
        if not hits:
            near = difflib.get_close_matches(given, arns, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            problems.append(
                ConfigError(
                    f"{given}: the account has no state machine of that flow{hint}; name the flow, its file, or the "
                    f"state machine as `aws stepfunctions list-state-machines` has it"
                )
            )
        names += hits
    if problems:
        raise Problems(problems)
    return account.look(arns[name] for name in dict.fromkeys(names)), {}


def _is_named(machine: str, given: str, stack: Stack) -> bool:
    return machine == given or _may_be(machine, given, stack.config.name_prefix)


def _may_be(machine: str, flow: str, prefix: str | None) -> bool:
    """Whether Metaflow may have named a state machine so for a flow, with the stack's prefix."""
    rest = machine.removeprefix(f"{prefix}_") if prefix else machine
    return rest == flow or (rest.count(".") > 1 and rest.endswith(f".{flow}"))


def _source(stack: Stack, machine: Machine, sources: Mapping[str, Sequence[str]], flows: Sequence[str]) -> str:
    """The file of a state machine's flow.

    Raises:
        NotAdoptedError: it is missing, or it is not known which of several it is.
    """
    if machine.by_hand is None:
        return ""
    flow, name = machine.by_hand.flow, machine.by_hand.file
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
