"""`requirements.txt` with hashes, solved by uv: what CI installs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from flowinfra.errors import ToolError
from flowinfra.start.files import LOCK_COMMAND

LOCKED = "requirements.txt"
_SECONDS = 30


def write_lock(folder: Path) -> None:
    """Write `requirements.txt` from `requirements.in`; needs the network.

    Raises:
        ToolError: uv is not installed, or finds no solution. The message says what to run.
    """
    by_hand = "CI installs from it: write it with the command in requirements.in"
    if shutil.which(LOCK_COMMAND[0]) is None:
        raise ToolError(f"{LOCKED}: not written, for uv is not installed (https://docs.astral.sh/uv); {by_hand}")
    command = [*LOCK_COMMAND[:-1], str(folder / LOCKED)]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ToolError(f"{LOCKED}: not written, for uv did not end within {_SECONDS} s; {by_hand}") from None
    if done.returncode != 0:
        (folder / LOCKED).unlink(missing_ok=True)
        raise ToolError(f"{LOCKED}: not written: {_reason(done)}; {by_hand}")


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """What uv says, on one line and without what it draws around it."""
    words = " ".join(re.sub(r"[^\x20-\x7e]+", " ", done.stderr).split())
    words = words[max(words.rfind("error: "), 0) :].removeprefix("error: ")
    return f"uv says: {words}" if words else f"uv ended with {done.returncode}"


def remarks(folder: Path) -> list[str]:
    """What CI would stumble over in a `requirements.txt` that is there already."""
    try:
        text = (folder / LOCKED).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return [f"{LOCKED}: cannot be read as text in UTF-8; CI installs from it"]
    found = []
    if not re.search(r"^flowinfra\b", text, re.MULTILINE | re.IGNORECASE):
        found.append(f"{LOCKED}: does not have flowinfra, which CI installs from it")
    if "--hash=" not in text:
        found.append(f"{LOCKED}: has no hashes, which CI asks for (`pip install --require-hashes`)")
    return [f"{each}; write it anew with the command in requirements.in" for each in found]
