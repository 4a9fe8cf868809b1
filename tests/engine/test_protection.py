"""A flow that is protected is updated, and neither deleted nor replaced."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Cloud
from tests.engine.project import Project, flow_source


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
    yield project
    project.pulumi("state", "unprotect", "--all", "--yes")
    project.pulumi("destroy", "--yes", "--skip-preview")


def test_a_protected_flow(project: Project) -> None:
    project.write("kept.py", flow_source("Kept"))
    project.write("free.py", flow_source("Free"))
    kept, free = {"flow": "kept.py", "protect": True}, {"flow": "free.py"}
    project.configure(kept, free)
    project.up()

    # what is made anew with each version of a flow is not what is protected
    project.write("kept.py", flow_source("Kept", body="print(1)"))
    project.up()

    project.configure(kept)
    project.up()
    assert set(project.machines()) == {"Kept"}

    project.configure(free)
    refused = project.pulumi("preview", fails=True)
    assert f"{project.name}_Kept-state-machine" in refused
    assert "protected" in refused

    project.configure({**kept, "name": "Renamed"})
    assert "protected" in project.pulumi("preview", fails=True)

    project.configure({**kept, "protect": False})
    project.up()
    project.configure(free)
    project.up()
    assert set(project.machines()) == {"Free"}
