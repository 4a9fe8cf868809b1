"""An option is one field and its use; a target is one folder, one driver module and one name in the list of targets.

Both are made up here in a copy of flowinfra, and driven through everything that has to know them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sources import write_flow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, which an interpreter that starts in its folder's parent imports in place of ours."""
    skipped = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(ROOT / "flowinfra", tmp_path / "copy" / "flowinfra", ignore=skipped))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, (path, old, text.count(old))
    path.write_text(text.replace(old, new))


def driven(copy: Path, folder: Path, target: str, option: str, base: str) -> dict[str, Any]:
    flow = write_flow(folder / "flow")
    words = [str(flow), target, target.replace("-", "_"), option, base]
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.made_up_drive", *words],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(copy.parent), str(ROOT)]),
            "FLOWINFRA_CACHE": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_an_option_is_one_field_and_its_use(copy: Path, tmp_path: Path) -> None:
    declared = '    made_up: Annotated[str | None, Option("made-up thing")] = None\n'
    described = '    """Something that a test made up."""\n'
    replace(
        copy / "targets" / "argo" / "options.py",
        "\n\nclass ArgoOptions(",
        f"\n{declared}{described}\n\nclass ArgoOptions(",
    )
    replace(
        copy / "targets" / "argo" / "request.py",
        "    options = []\n",
        '    options = [f"--workflow-title={shape.made_up}"] if shape.made_up is not None else []\n',
    )
    assert driven(copy, tmp_path, "argo", "made_up", "argo") == {
        "command line": "typed",
        "stack": "written",
        "program": "passed",
        "target": "argo",
        "preview": "written",
        "report": ["made-up thing: none → written"],
        "why": ["option made_up: added (written)"],
        "mirror": [["made_up"]],
        "schema": "Something that a test made up.",
        "docs": True,
        "help": True,
    }


def test_a_target_is_one_folder_one_driver_module_and_one_name(copy: Path, tmp_path: Path) -> None:
    made = Path(shutil.copytree(copy / "targets" / "airflow", copy / "targets" / "made_up"))
    for path in made.glob("*.py"):
        text = path.read_text().replace("flowinfra.targets.airflow", "flowinfra.targets.made_up")
        for old, new in (
            ("worker_pool", "made_up_pool"),
            ("compiled.airflow.", "compiled.made_up."),
            ("AirflowSection", "MadeUpSection"),
            ("AirflowStep", "MadeUpStep"),
        ):
            text = text.replace(old, new)
        path.write_text(text)
    replace(made / "compiled.py", 'target: Literal["airflow"]', 'target: Literal["made-up"]')
    replace(made / "compiled.py", "    airflow: AirflowTarget", "    made_up: AirflowTarget")
    replace(made / "compiled.py", "self.airflow.dag_id", "self.made_up.dag_id")
    replace(made / "bound.py", '["airflow"]', '["made_up"]')
    replace(made / "request.py", 'name="airflow"', 'name="made-up"')
    replace(made / "request.py", 'title="Airflow"', 'title="Made-up"')
    replace(made / "prepare.py", 'Preparation("airflow"', 'Preparation("made-up"')
    driver = copy / "compiler" / "driver"
    shutil.copy(driver / "target_airflow.py", driver / "target_made_up.py")
    replace(copy / "targets" / "__init__.py", '"argo", "airflow")', '"argo", "airflow", "made_up")')
    found = driven(copy, tmp_path, "made-up", "made_up_pool", "airflow")
    assert found == {
        "command line": "typed",
        "stack": "written",
        "program": "passed",
        "target": "made-up",
        "preview": "written",
        "report": ["worker pool: Airflow's default → written"],
        "why": ["option made_up_pool: added (written)"],
        "mirror": [["made_up_pool"]],
        "schema": "Pool of Airflow for the flow's tasks, which has to be there.",
        "docs": True,
        "help": True,
    }
