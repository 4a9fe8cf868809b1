"""The virtual environment, from the lock file."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.bootstrap.files import ROOT, VENV, replacing
from tools.bootstrap.output import run_shown, say

LOCK = ROOT / "requirements.lock"
LEFT_OUT = frozenset({"pulumi-azure-native", "pulumi-gcp"})
"""Extras of the lock that `.venv` does without: 650 MB that no test loads."""
STAMP = VENV / "flowinfra-setup"
"""What the environment was made from: the same content means that there is nothing to do."""


def venv_stamp() -> str:
    """Return what the environment is made from: folder (its scripts name it), lock and project."""
    content = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return f"{ROOT}\n{content}\n"


def venv_python() -> tuple[int, int] | None:
    """Return the Python of `.venv`; None if it is missing, broken or moved, or its Python unfit."""
    if STAMP.exists() and STAMP.read_text().splitlines()[:1] != [str(ROOT)]:
        return None
    probe = "import sys, pip; print(*sys.version_info[:2])"
    try:
        result = subprocess.run([VENV / "bin" / "python", "-I", "-c", probe], capture_output=True, text=True)
    except OSError:
        return None
    if result.returncode != 0:
        return None
    major, minor = map(int, result.stdout.split())
    return (major, minor) if (3, 10) <= (major, minor) <= (3, 13) else None


def prepare_venv() -> None:
    """Create or refresh `.venv` so that it holds what the lock file says, and flowinfra itself."""
    stamp = venv_stamp()
    version = venv_python()
    if version and STAMP.exists() and STAMP.read_text() == stamp:
        return
    if version is None:
        major, minor = sys.version_info[:2]
        say(f"Creating .venv with Python {major}.{minor} ({sys.executable}).")
        shutil.rmtree(VENV, ignore_errors=True)
        run_shown([sys.executable, "-m", "venv", VENV], "virtual environment", pip_detail)
    say("Installing what requirements.lock lists, each file checked against its hash (about a minute the first time).")
    wanted = VENV / "requirements.txt"
    wanted.write_text(wanted_of(LOCK.read_text()))
    pip_install("Python packages", "--require-hashes", "-r", wanted)
    pip_install("flowinfra itself", "--no-deps", "--no-build-isolation", "-e", ROOT)
    with replacing(STAMP) as path:
        path.write_text(stamp)


def wanted_of(lock: str) -> str:
    """Return the lock file's text without what `.venv` does without."""
    entries = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
    return "".join(entry for entry in entries if entry.partition("==")[0] not in LEFT_OUT)


def pip_install(title: str, *what: str | Path) -> None:
    """Install into `.venv`, whatever the user's own settings say about where pip installs."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    python = VENV / "bin" / "python"
    options = ["--no-input", "--disable-pip-version-check"]
    command = [python, "-m", "pip", "install", *options, *what]
    run_shown(command, title, pip_detail, env=env | {"PIP_USER": "0"})


def pip_detail(line: str) -> str | None:
    """Say which package pip is at."""
    if found := re.match(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)", line):
        return f"reading {found[1]}"
    return "installing" if line.startswith("Installing collected packages") else None
