"""`flowinfra:flows` of a stack's file → one entry per flow: an entry with a glob stands for each file that it matches.

The more specific entry wins: what a file's own entry says goes over what a glob says of it. Every file that a glob
matches is a flow; one that is not is named with `enabled: false`, or the glob is narrowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from posixpath import normpath

from flowinfra.compiler.globs import is_glob
from flowinfra.errors import ConfigError, Problems
from flowinfra.model.base import Json
from flowinfra.stack.parsing import merged
from flowinfra.stack.places import Places

Entry = Mapping[str, Json]
"""An entry of `flowinfra:flows`."""
Files = Callable[[str], Sequence[str]]
"""A glob → the files that it matches, in a fixed order; from the project's folder."""

APART = ("target", "name", "branch", "production")
"""What keeps deployments of one file apart, beside `name_prefix` of Step Functions."""


def matched(entry: Entry, files: Files) -> list[str]:
    """The files that an entry stands for."""
    flow = str(entry.get("flow"))
    return [normpath(file) for file in files(flow)] if is_glob(flow) else [normpath(flow)]


def listed(entries: Sequence[Entry], files: Files, places: Places) -> list[dict[str, Json]]:
    """One entry per flow, in the order of the file; a glob's flows are where the glob is.

    Args:
        entries: of one stack's file.
        files: finds the files of a glob.
        places: of that file, for errors.

    Raises:
        Problems: a glob that matches nothing or has a name for all its flows, or a flow that is listed twice.
    """
    found = [matched(entry, files) for entry in entries]
    problems = [*glob_problems(entries, found, places), *_twice_problems(entries, found, places)]
    if problems:
        raise Problems(problems)
    own = {path for entry, paths in zip(entries, found, strict=True) if not _is_glob(entry) for path in paths}
    general = {path: entry for entry, paths in zip(entries, found, strict=True) if _is_glob(entry) for path in paths}
    result = []
    for entry, paths in zip(entries, found, strict=True):
        if _is_glob(entry):
            result += [{**entry, "flow": path} for path in paths if path not in own]
        else:
            result.append(merged(general.get(paths[0], {}), entry))
    return result


def glob_problems(entries: Sequence[Entry], found: Sequence[Sequence[str]], places: Places) -> Iterator[ConfigError]:
    """What is wrong with an entry that has a glob, by itself; `found`: the files that each entry stands for."""
    for index, (entry, paths) in enumerate(zip(entries, found, strict=True)):
        if _is_glob(entry) and not paths:
            yield ConfigError(
                f"{places.at('flows', index, 'flow')}: found {entry['flow']!r}, which matches no file; it is looked "
                "for from the folder of Pulumi.yaml (`*` within a folder, `**` across folders)"
            )
        for key in ("name", "renamed_from"):
            if _is_glob(entry) and entry.get(key) is not None:
                yield ConfigError(
                    f"{places.at('flows', index, key)}: found {entry[key]!r}, but the entry's glob stands for "
                    "several flows; name a flow in an entry of its own"
                )


def twice(index: int, first: int, path: str, places: Places) -> ConfigError:
    """The error for two entries of one rank for one flow."""
    return ConfigError(
        f"{places.at('flows', index, 'flow')}: found {path!r} a second time, flows[{first}] has it already; "
        "leave one of them out, narrow the glob, or give one another `name` or `branch`"
    )


def _twice_problems(entries: Sequence[Entry], found: Sequence[Sequence[str]], places: Places) -> Iterator[ConfigError]:
    first: dict[tuple[Json, ...], int] = {}
    for index, (entry, paths) in enumerate(zip(entries, found, strict=True)):
        apart = () if _is_glob(entry) else (*(entry.get(key) for key in APART), _prefix(entry))
        for path in paths:
            if (path, apart) in first:
                yield twice(index, first[path, apart], path, places)
            first.setdefault((path, apart), index)


def _prefix(entry: Entry) -> Json:
    section = entry.get("step_functions")
    return section.get("name_prefix") if isinstance(section, Mapping) else None


def _is_glob(entry: Entry) -> bool:
    return is_glob(str(entry.get("flow")))
