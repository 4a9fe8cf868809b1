"""The script that is `python` in a job."""

from __future__ import annotations

import shlex
from pathlib import Path

from flowinfra.local.runner import Isolation

FOLDER = "/tmp/.flowinfra"  # noqa: S108  (private to the attempt)
"""Where the server of an attempt is."""
_CLIENT = Path(__file__).with_name("client.py")


def launcher(python: str, isolation: Isolation) -> str:
    """A shell script, since a symlink would lose the interpreter's virtual environment.

    Forks need a private /tmp for their server, which systems without namespaces do not give.
    """
    words = [python] if isolation is Isolation.NONE else [python, "-I", "-S", str(_CLIENT), FOLDER, python]
    own = "" if isolation is Isolation.NONE else ' "$0"'
    return f'#!/bin/sh\nexec {shlex.join(words)}{own} "$@"\n'
