"""What a stack's outputs say of the version that is deployed, and the way back to an older one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowinfra.engine.preview import parse_preview
from flowinfra.report.assemble import assemble
from flowinfra.report.change import words
from flowinfra.report.sources import Sources
from flowinfra.report.words import plain
from tests.e2e.support import Cloud, Project, unique

FLOW = "flows/during/during_flow.py"
NAME = "ThereAndBack"
FIRST, SECOND, BACK = ("1" * 40, "2" * 40, "3" * 40)
NEW_STEP = "    @step\n    def audit(self):\n        self.versions += [VERSION]\n        self.next(self.late)\n\n"


def test_there_and_back(cloud: Cloud, make_project: Callable[[], Project]) -> None:
    """Code, memory and a step change, then change back, while an execution of the first version goes on."""
    project = make_project()
    project.flow("during")
    old_code = (project.folder / FLOW).read_text()
    new_code = old_code.replace('"first"', '"second"').replace("self.next(self.late)", "self.next(self.audit)")
    new_code = new_code.replace("    @step\n    def late", f"{NEW_STEP}    @step\n    def late")

    def checkout(code: str, memory: int) -> None:
        (project.folder / FLOW).write_text(code)
        project.configure({"flow": FLOW, "name": NAME, "steps": {"middle": {"memory": memory}}})

    checkout(old_code, 4096)
    first = deploy(project, "ann", FIRST)
    assert (first["commit"], first["deployed_by"]) == (FIRST, "ann")
    assert first["digest"].startswith(first["id"])
    definition = cloud.definition(NAME)
    gate = unique("gate")
    running = cloud.start(NAME, {"gate": gate}).reached("start")

    # another commit and another person with the same flow: not a word of it
    quiet = project.preview("--expect-no-changes", "--diff", **declared("bob", SECOND)).succeeded()
    assert SECOND not in quiet.output
    assert "outputs" not in quiet.output
    assert deploy(project, "bob", SECOND) == first

    checkout(new_code, 8192)
    forth = changes(project)
    # the report tells of the execution, where it may ask
    told = cloud.flowinfra(
        "local", "exec", "--", "flowinfra", "report", "preview.json", "--running", cwd=project.folder
    )
    assert "1 execution running at this moment, to their end by the old definition" in told.succeeded().output
    second = deploy(project, "bob", SECOND)
    assert (second["commit"], second["deployed_by"]) == (SECOND, "bob")
    assert second["digest"] != first["digest"]
    assert second["package"] != first["package"]

    checkout(old_code, 4096)
    back = changes(project)
    assert deploy(project, "cid", BACK) == {**first, "commit": BACK, "deployed_by": "cid"}
    assert unpinned(cloud.definition(NAME)) == unpinned(definition)
    assert forth == {
        "step audit added: cpu 1, memory 4096 MB",
        "step middle: next late → audit",
        "step middle: memory 4096 → 8192 MB",
    }
    assert back == {
        "step audit removed",
        "step middle: next audit → late",
        "step middle: memory 8192 → 4096 MB",
    }
    project.is_unchanged()

    cloud.open_gate(gate)
    running.ended()
    assert [step.name for step in cloud.start(NAME).ended().progress.steps] == ["start", "middle", "late", "end"]
    project.destroy()


def declared(user: str, commit: str) -> dict[str, Any]:
    """Variables by which CI says who deploys what."""
    return {"FLOWINFRA_USER": user, "FLOWINFRA_COMMIT": commit}


def deploy(project: Project, user: str, commit: str) -> dict[str, Any]:
    """Deploy as CI does; returns what the outputs say of the flow's version."""
    project.pulumi("up", "--yes", "--skip-preview", "-s", project.stack, **declared(user, commit)).succeeded()
    version: dict[str, Any] = project.outputs()[f"version:{NAME}"]
    return version


def changes(project: Project) -> set[str]:
    """What a report of the preview says, in words; the image is that of the tests' Python and left out."""
    preview = project.preview("--json").succeeded().stdout.encode()
    (project.folder / "preview.json").write_bytes(preview)
    report = assemble([parse_preview(preview, "preview.json")], Sources())
    (flow,) = report.stacks[0].flows
    assert [file.path for file in flow.files] == [Path(FLOW).name]
    return {re.sub(r", image \S+$", "", plain(words(change))) for change in flow.changes}


def unpinned(definition: str) -> Any:
    """A definition without the revisions of its job definitions."""
    return json.loads(re.sub(r'("JobDefinition":"[^":]+):\d+"', r'\1"', definition))
