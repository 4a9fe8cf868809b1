"""The programs of examples/ deploy, and a second preview of each is empty."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.engine.conftest import Cloud

pytestmark = pytest.mark.engine
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("programs/*/Pulumi.yaml")))
def test_an_example_deploys(name: str, cloud: Cloud, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__", ".metaflow"))
    folder = tmp_path / "examples" / "programs" / name
    settings = (folder / "Pulumi.local.yaml").read_text()

    def pulumi(*words: str) -> None:
        subprocess.run(
            ["pulumi", *words, "-s", "local", "--non-interactive"],
            cwd=folder,
            env={**os.environ, **cloud.environment},
            check=True,
            timeout=300,
        )

    pulumi("stack", "init")
    pulumi("up", "--yes", "--skip-preview")
    try:
        pulumi("preview", "--expect-no-changes")
    finally:
        pulumi("destroy", "--yes", "--skip-preview")
    assert (folder / "Pulumi.local.yaml").read_text() == settings
