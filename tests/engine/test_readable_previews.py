"""A text preview is short enough to be read: what is asked for is in the flow's words, the rest is named."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source

STEP, CODE = 100, 165
"""Lines of all that a preview of a flow of four steps prints: one value of a step changes, a line of code changes."""


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
    yield project
    project.pulumi("destroy", "--yes", "--skip-preview")


def test_a_preview_is_short(project: Project) -> None:
    project.write("flow.py", flow_source("Small", "prepare", "train"))
    project.configure({"flow": "flow.py"})
    project.up()
    project.configure({"flow": "flow.py", "steps": {"train": {"memory": 8192}}})
    text = project.pulumi("preview", "--diff")
    assert len(text.splitlines()) <= STEP
    assert [line.strip() for line in text.splitlines() if re.match(r" *~ \S+ *(:|\()", line)] == [
        "~ flowinfra:aws:StepFunctionsFlow: (update)",
        "~ steps         : {",
        "~ train  : {",
        "~ memory: 4096 => 8192",
        "~ aws:sfn/stateMachine:StateMachine: (update)",
        "~ definition (hidden)",
        *(line for line in map(str.strip, text.splitlines()) if line.startswith(("~ tags", "~ flowinfra:definition"))),
        f"~ version:{project.name}_Small: {{",
        *(line for line in map(str.strip, text.splitlines()) if line.startswith(("~ digest", "~ id"))),
    ]
    project.variables = {"FLOWINFRA_SHOW_DEFINITIONS": "1"}
    shown = project.pulumi("preview", "--diff")
    assert "~ definition: (json)" in shown
    assert "memory=8192" in shown
    project.variables = {}

    project.configure({"flow": "flow.py", "steps": {"train": {"retries": 3}}})
    text = project.pulumi("preview", "--diff")
    assert "+ retries: 3" in text
    assert len(text.splitlines()) <= STEP

    project.write("flow.py", flow_source("Small", "prepare", "train", body="print(1)"))
    project.configure({"flow": "flow.py"})
    text = project.pulumi("preview", "--diff")
    assert "containerProperties (hidden)" in text
    assert len(text.splitlines()) <= CODE
