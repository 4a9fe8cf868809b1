"""A text preview is short enough to be read: what is asked for is in the flow's words, the rest is named.

`pytest tests/engine/test_readable_previews.py --update-golden` renews the texts in golden/.
"""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
    yield project
    project.pulumi("destroy", "--yes", "--skip-preview")


def test_a_preview_is_short(project: Project, request: pytest.FixtureRequest) -> None:
    project.write("flow.py", flow_source("Small", "prepare", "train"))
    project.configure({"flow": "flow.py"})
    project.up()
    project.configure({"flow": "flow.py", "steps": {"train": {"memory": 8192}}})
    found = {"memory": _text(project)}
    project.variables["FLOWINFRA_SHOW_DEFINITIONS"] = "1"
    shown = project.pulumi("preview", "--diff")
    assert "~ definition: (json)" in shown
    assert "memory=8192" in shown
    del project.variables["FLOWINFRA_SHOW_DEFINITIONS"]

    project.configure({"flow": "flow.py", "steps": {"train": {"retries": 3}}})
    found["retries"] = _text(project)

    project.write("flow.py", flow_source("Small", "prepare", "train", body="print(1)"))
    project.configure({"flow": "flow.py"})
    found["code"] = _text(project)

    for name, text in found.items():
        golden = GOLDEN / f"preview_{name}.txt"
        if request.config.getoption("--update-golden"):
            golden.write_text(text)
        assert text == golden.read_text()


def _text(project: Project) -> str:
    """What a preview prints, without what differs between two runs of the test."""
    text = project.pulumi("preview", "--diff")
    text = re.sub(r"warning: using pulumi-resource-aws.*\n|local stand-in for pulumi-aws.*\n", "", text)
    text = text.replace(project.name, "PROJECT")
    text = re.sub(r"\{ /\S+ \}", "{ FILE }", text)
    text = text.replace("123456789012", "ACCOUNT")
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"/data/[0-9a-f]{2}/", "/data/XX/", text)
    text = re.sub(r"\b[0-9a-f]{7,}\b", "DIGEST", text)
    text = re.sub(r"\d+([._])\d+\1\d+", "VERSION", text)
    return text.replace(f'{sys.version_info.major}.{sys.version_info.minor}"', 'PYTHON"')
