"""docs/from-step-functions-create.md: no option of Metaflow's command is forgotten, and every key it names exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from flowinfra.cli import COMMANDS
from flowinfra.compiler.request import IDENTITY_SETTINGS
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig, PackageConfig
from flowinfra.stack.platform import PlatformConfig

ROOT = Path(__file__).parents[2]
FLOW = ROOT / "examples" / "flows" / "project"
"""A @project flow with a Config: both bring options of their own."""
GUIDE = (ROOT / "docs" / "from-step-functions-create.md").read_text(encoding="utf-8")
ROWS = [
    (re.findall(r"`([^`]+)`", left), right)
    for left, right in re.findall(r"^\| (`.*?) \| (.*) \|$", GUIDE, re.MULTILINE)
]
"""What the tables have in code spans on the left, and their right side."""


@pytest.mark.parametrize("words", [(), ("step-functions",), ("step-functions", "create")], ids=" ".join)
def test_every_option_of_metaflow_has_its_row(words: tuple[str, ...], tmp_path: Path) -> None:
    folder = shutil.copytree(FLOW, tmp_path / "flow")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "METAFLOW_HOME": str(tmp_path),
        "METAFLOW_USER": "somebody",
    }
    said = subprocess.run(
        [sys.executable, "project_flow.py", *words, "--help"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    options = set(re.findall(r"^  (?:[^ ].*? )?(?<![\w-])(--[a-z-]+)", said, re.MULTILINE))
    options |= set(re.findall(r"^  --[a-z-]+ / (--[a-z-]+)", said, re.MULTILINE))
    assert options - {"--help"}
    assert options - {option for left, _ in ROWS for option in left} == {"--help"}


def test_every_setting_of_the_platform_has_its_row() -> None:
    elsewhere = re.compile("ARGO|AIRFLOW|KUBERNETES|AZURE|_GS$")
    settings = {setting for setting in IDENTITY_SETTINGS if not elsewhere.search(setting)}
    assert settings - {setting for left, _ in ROWS for setting in left} == set()


@pytest.mark.parametrize("key", sorted({span for _, right in ROWS for span in re.findall(r"`([a-z_.]+)`", right)}))
def test_every_key_exists(key: str) -> None:
    if key == "s3":
        return
    model: type[BaseModel] = FlowConfig
    first, _, rest = key.partition(".")
    if first == "platform":
        model, key = PlatformConfig, rest
    elif first == "package":
        model, key = PackageConfig, rest
    known = {field.alias or name for name, field in model.model_fields.items()} | set(StackConfig.model_fields)
    assert key in known


def test_every_command_exists() -> None:
    named = set(re.findall(r"(?<!from )flowinfra ([a-z-]+)", GUIDE)) - {"local"}
    assert named
    assert named - set(COMMANDS) == set()
