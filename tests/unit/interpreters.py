"""Interpreters beside the one that runs the tests: all that is installed here, and something more."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def interpreter(folder: Path, modules: Mapping[str, str], base: str = sys.executable) -> str:
    """A virtual environment that sees what is installed here, with modules (path → text) of its own in front."""
    subprocess.run([base, "-m", "venv", "--without-pip", "--symlinks", str(folder)], check=True)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "installed-here.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    for path, text in modules.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    return str(folder / "bin" / "python")
