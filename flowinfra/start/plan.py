"""What is to be done in a folder: files that are missing are written, and nothing that is there is changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flowinfra.engine.project import stack_file
from flowinfra.errors import ConfigError, FlowInfraError
from flowinfra.start.files import PROGRAM, Choices, NewFile, ignored_lines, new_files
from flowinfra.start.look import Known
from flowinfra.start.stack_files import PROD, StackChoices

GITIGNORE = ".gitignore"


@dataclass(frozen=True)
class Step:
    """What happens to a file."""

    action: Literal["write", "add", "keep"]
    path: str
    text: str = ""
    """What is written, or added at the file's end."""
    words: str = ""
    """What a person should know of it."""
    executable: bool = False


def plan(folder: Path, choices: Choices) -> list[Step]:
    """The steps for a folder; nothing is changed yet."""
    steps = [_step(folder, file) for file in new_files(choices)]
    return [*steps[:2], _gitignore(folder, choices.ci), *steps[2:]]


def choices_of(known: Known) -> Choices:
    """The choices that follow from a repository and the options."""
    stacks = StackChoices(
        known.target,
        known.platforms,
        known.found.flows,
        known.flows_of(PROD),
        f"{sys.version_info.major}.{sys.version_info.minor}",
    )
    return Choices(known.name, known.ci, known.branch, stacks, known.stack_folder, known.has_project)


def kept_remarks(folder: Path, known: Known) -> Iterator[str]:
    """What the files that are there already lack."""
    program = folder / PROGRAM
    if not known.has_project and program.is_file() and "flowinfra" not in program.read_text(errors="replace"):
        yield f"{PROGRAM}: does not use flowinfra; add `from flowinfra import deploy` and `deploy()`"
    for stack, config in known.stacks.items():
        files = known.flows_of(stack) or ()
        # a mirror has the flows of its stack
        if config.mirrors is None and (lacking := [flow.file for flow in known.found.flows if flow.file not in files]):
            yield (
                f"{stack_file(folder, stack).label}: has no entry for {', '.join(lacking)}; to deploy it there, add "
                f"`- flow: {lacking[0]}` to `flowinfra:flows`"
            )


def problems(folder: Path, steps: Sequence[Step]) -> Iterator[FlowInfraError]:
    """Why files could not be written there."""
    refused = set[Path]()
    for step in steps:
        if step.action == "keep":
            continue
        path = folder / step.path
        near = path if path.exists() else next(each for each in path.parents if os.path.lexists(each))
        if near in refused:
            continue
        if near != path and not near.is_dir():
            yield ConfigError(f"{step.path}: cannot be written: {near} is not a folder; rename it")
        elif not os.access(near, os.W_OK):
            yield ConfigError(f"{step.path}: cannot be written: {near} is not writable for you")
        else:
            continue
        refused.add(near)


def carry_out(folder: Path, steps: Sequence[Step]) -> None:
    """Write what the steps say."""
    for step in steps:
        path = folder / step.path
        if step.action == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            # a file that has come meanwhile is not overwritten
            with path.open("x", encoding="utf-8") as file:
                file.write(step.text)
            if step.executable:
                path.chmod(0o755)
        elif step.action == "add":
            with path.open("a", encoding="utf-8") as file:
                file.write(step.text)


def _step(folder: Path, file: NewFile) -> Step:
    path = folder / file.path
    if os.path.lexists(path):
        words = "" if _same(path, file.text) else "it differs from what `init` would write"
        return Step("keep", file.path, words=words)
    return Step("write", file.path, file.text, executable=file.executable)


def _same(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _gitignore(folder: Path, ci: str) -> Step:
    """The step for `.gitignore`, which gets the lines that it lacks.

    Raises:
        ConfigError: it cannot be read.
    """
    path, lines = folder / GITIGNORE, ignored_lines(ci)
    if not os.path.lexists(path):
        return Step("write", GITIGNORE, "".join(f"{line}\n" for line in lines))
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{GITIGNORE}: is not text in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{GITIGNORE}: cannot be read: {error.strerror}") from None
    there = {line.strip().strip("/") for line in text.splitlines()}
    lacking = [line for line in lines if line.strip("/") not in there]
    if not lacking:
        return Step("keep", GITIGNORE)
    begin = "" if not text or text.endswith("\n") else "\n"
    return Step("add", GITIGNORE, begin + "".join(f"{line}\n" for line in lacking), words=", ".join(lacking))
