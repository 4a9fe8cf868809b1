"""The stack files of this repository, previewed by the engine as they stand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest

from tests.e2e.support import ROOT, Cloud, Project


@pytest.fixture(scope="module")
def project(make_project: Callable[[], Project]) -> Project:
    project = make_project()
    shutil.copytree(ROOT / "stacks", project.folder / "stacks", dirs_exist_ok=True)
    shutil.copytree(ROOT / "examples" / "flows", project.folder / "examples" / "flows")
    return project


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_a_stack_previews(cloud: Cloud, project: Project, name: str) -> None:
    before = cloud.changes()
    project.pulumi("stack", "init", name).succeeded()
    preview = json.loads(project.pulumi("preview", "--json", "-s", name).succeeded().stdout)
    flows = [step["newState"]["inputs"] for step in preview["steps"] if "StepFunctionsFlow::" in step["urn"]]
    assert sorted(flow["flow"] for flow in flows) == ["BranchFlow", "ParameterFlow", "ProjectFlow"]
    assert set(preview["changeSummary"]) == {"create"}
    assert cloud.changes() == before
