"""The stack that a Pulumi command names is made in the emulator's own backend when it is not there yet.

That backend is thrown away with the emulator, so after each start no stack exists, while its configuration
(`stacks/Pulumi.local.yaml`) does. A stack without a configuration file is not made: the name may be misspelt.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from flowinfra.engine.project import found_folder, project_name, stack_file
from flowinfra.errors import ToolError
from flowinfra.local.state import State


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
