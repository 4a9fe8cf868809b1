"""Real installations of Airflow, each in a virtual environment of its own in the user's cache folder, made once.

`airflow-<version>.txt` pins all packages of one; they were solved without Airflow's constraints, by
`uv pip compile --universal --python-version 3.10` of Airflow, its Kubernetes provider and its Amazon provider.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from flowinfra.engine.folders import cache_folder
from tools.bootstrap.files import locked

HERE = Path(__file__).parent
VERSIONS = ("2.10", "2.11", "3")
UV = "uv==0.13.9"
"""Installs them in seconds where pip takes minutes."""

INSPECT = HERE / "inspect_dags.py"


def unsupported(version: str) -> str | None:
    """Why this Airflow cannot be installed here; None where it can."""
    if version.startswith("2.") and sys.version_info >= (3, 13):
        return f"Airflow {version} has no release for Python {sys.version_info[0]}.{sys.version_info[1]}"
    return None


def python_with(version: str) -> str:
    """Interpreter of a virtual environment with this Airflow; about a minute where it is not there yet."""
    pins = HERE / f"airflow-{version}.txt"
    cache = cache_folder("test-venvs")
    folder = cache / f"airflow-{version}-python-{sys.version_info[0]}.{sys.version_info[1]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # tests of two workers may want one at the same time
    with locked(folder.with_name(f".{folder.name}-lock"), f"Airflow {version} for the tests"):
        _install(folder, pins)
    return str(folder / "bin" / "python")


def _install(folder: Path, pins: Path) -> None:
    """Make the virtual environment where it is not as `pins` has it."""
    python, stamp = folder / "bin" / "python", folder / "complete"
    if not stamp.exists() or stamp.read_text() != pins.read_text():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV]
        environment = {**os.environ, "PIP_USER": "0"}
        subprocess.run(pip, check=True, env=environment)
        # all packages are pinned: nothing is left to solve
        uv = [str(folder / "bin" / "uv"), "pip", "install", "--quiet", "--no-deps", "--python", str(python)]
        subprocess.run([*uv, "-r", str(pins)], check=True, env=environment)
        stamp.write_text(pins.read_text())


def inspected(version: str, dags: Path) -> dict[str, Any]:
    """What Airflow finds in a folder of DAGs: `dags` by id, and `errors` by file."""
    with tempfile.TemporaryDirectory(prefix="flowinfra-airflow-") as home:
        done = subprocess.run(
            [python_with(version), str(INSPECT), str(dags), str(Path(home) / "found.json")],
            env={
                "PATH": os.environ["PATH"],
                "HOME": home,
                "AIRFLOW_HOME": home,
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
            },
            cwd=home,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found: dict[str, Any] = json.loads((Path(home) / "found.json").read_text())
        return found
