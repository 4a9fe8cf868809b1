"""Pulumi's own command line, as the commands that read or mend a stack's state use it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from flowinfra.errors import ToolError

_LOGIN = "Pulumi does not know where the stacks are: `pulumi login` says it, or PULUMI_BACKEND_URL"
"""What to do where Pulumi has no backend: its own words name a token, which only one of its backends needs."""

_NOT_THERE = "pulumi is not on PATH; install it: https://www.pulumi.com/docs/install"
_EVENTS = "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"
"""Variable with which a preview is a list of events instead of one document."""


def pulumi(folder: Path, *words: str, stdin: str | None = None) -> str:
    """Run a command of Pulumi's in a project's folder, and return its standard output.

    Raises:
        ToolError: Pulumi is not on PATH, or the command failed. The message has the command's own words.
    """
    command = ["pulumi", *words, "--non-interactive"]
    try:
        done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError(_NOT_THERE) from None
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        login = f"\n{_LOGIN}" if "PULUMI_ACCESS_TOKEN" in said else ""
        raise ToolError(f"`{' '.join(command)}` failed: {said}{login}")
    return done.stdout


def previewed(folder: Path, *words: str, variables: Mapping[str, str]) -> bytes:
    """Preview a stack, and return the JSON; also of a preview that failed, whose errors are in it.

    Args:
        folder: the project's.
        words: options of `pulumi preview`.
        variables: for the program, beside those of this process.

    Raises:
        ToolError: Pulumi is not on PATH, or failed before it began.
    """
    command = ["pulumi", "preview", "--json", *words, "--non-interactive"]
    env = {name: value for name, value in os.environ.items() if name != _EVENTS}
    try:
        done = subprocess.run(command, cwd=folder, env={**env, **variables}, capture_output=True, check=False)
    except FileNotFoundError:
        raise ToolError(_NOT_THERE) from None
    if done.returncode != 0 and not done.stdout.strip():
        raise ToolError(f"`{' '.join(command)}` failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def stream(
    folder: Path, again: str, *words: str, out: int | None = None, variables: Mapping[str, str] | None = None
) -> None:
    """Run a command of Pulumi's whose progress the user sees.

    Args:
        folder: the project's.
        again: what to do if it fails.
        words: the command and its options.
        out: file descriptor that the progress goes to; None for standard output.
        variables: for the program, beside those of this process.

    Raises:
        ToolError: Pulumi is not on PATH, or the command failed.
    """
    try:
        process = subprocess.Popen(["pulumi", *words], cwd=folder, stdout=out, env={**os.environ, **(variables or {})})
    except FileNotFoundError:
        raise ToolError(_NOT_THERE) from None
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            continue  # Pulumi is told, too, and ends what it has begun
    if code != 0:
        raise ToolError(f"`pulumi {' '.join(words)}` ended with exit code {code}; {again}")
