"""Pulumi's own command line, as the commands that read or mend a stack's state use it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from flowinfra.errors import ToolError

_LOGIN = "Pulumi does not know where the stacks are: `pulumi login` says it, or PULUMI_BACKEND_URL"
"""What to do where Pulumi has no backend: its own words name a token, which only one of its backends needs."""


def pulumi(folder: Path, *words: str, stdin: str | None = None) -> str:
    """Run a command of Pulumi's in a project's folder, and return its standard output.

    Raises:
        ToolError: Pulumi is not on PATH, or the command failed. The message has the command's own words.
    """
    command = ["pulumi", *words, "--non-interactive"]
    try:
        done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError("pulumi is not on PATH; install it: https://www.pulumi.com/docs/install") from None
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        login = f"\n{_LOGIN}" if "PULUMI_ACCESS_TOKEN" in said else ""
        raise ToolError(f"`{' '.join(command)}` failed: {said}{login}")
    return done.stdout
