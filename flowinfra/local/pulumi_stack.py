"""The stack that a Pulumi command names is made in the emulator's own backend when it is not there yet.

That backend is thrown away with the emulator, so after each start no stack exists, while its configuration
(`stacks/Pulumi.local.yaml`) does. A stack without a configuration file is not made: the name may be misspelt.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from flowinfra.engine.project import ENCRYPTION, StackFile, found_folder, project_name, read_mapping, stack_file
from flowinfra.errors import ToolError
from flowinfra.local.state import State

LOCAL = "local"
"""The stack that `flowinfra init` and the guides make for the embedded AWS."""


def named_stack(words: Sequence[str]) -> str | None:
    """The stack that a command line of Pulumi's names with `-s` or `--stack`; None for any other command."""
    if not words or Path(words[0]).name != "pulumi" or "stack" in words[1:2]:
        return None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("-s", "--stack"):
            return following or None
        if word.startswith("--stack="):
            return word.removeprefix("--stack=")
    return None


def keyless(words: Sequence[str], folder: Path) -> StackFile | None:
    """The file of the stack that a command names, where it does not say yet how its secrets are encrypted.

    Pulumi then writes the key of the backend that it uses first, which here is the embedded AWS's throw-away one. The
    stack `local` is meant for it.
    """
    stack = named_stack(words) or _made(words)
    project = found_folder(folder)
    if stack in (None, LOCAL) or project is None:
        return None
    file = stack_file(project, str(stack))
    if not file.path.is_file() or any(key in read_mapping(file.path, file.label) for key in ENCRYPTION):
        return None
    return file


def _made(words: Sequence[str]) -> str | None:
    """The stack that `pulumi stack init` makes."""
    if len(words) < 4 or Path(words[0]).name != "pulumi" or list(words[1:3]) != ["stack", "init"]:
        return None
    return next((word for word in words[3:] if not word.startswith("-")), None)


def ensure(words: Sequence[str], folder: Path, state: State, variables: Mapping[str, str]) -> str | None:
    """Make the stack that the command names, if it has a configuration and no state; returns its name if it was made.

    Raises:
        ToolError: `pulumi stack init` failed.
    """
    stack = named_stack(words)
    project = found_folder(folder)
    if stack is None or project is None:
        return None
    known = state.pulumi_backend / ".pulumi" / "stacks" / project_name(project)
    if not stack_file(project, stack).path.is_file() or any(known.glob(f"{stack}.json*")):
        return None
    made = subprocess.run(
        [words[0], "stack", "init", stack, "--no-select", "--non-interactive"],
        cwd=project,
        env=dict(variables),
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        raise ToolError(f"pulumi stack init {stack} failed: {made.stderr.strip() or made.stdout.strip()}")
    return stack
