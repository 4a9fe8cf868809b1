"""Deploys while an execution runs: it ends as what it began as, and the next one is what was deployed last."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowinfra.targets.step_functions.states import submitting_states
from tests.e2e.support import Cloud, Execution, Project, ask, unique

FLOW = "flows/during/during_flow.py"


def test_an_execution_ends_as_it_began(cloud: Cloud, make_project: Callable[[], Project], tmp_path: Path) -> None:
    """Its code, its image, a step that it has not reached and another one's name change meanwhile."""
    project = make_project()
    project.flow("during")
    project.configure(FLOW)
    project.up()
    gate = unique("gate")
    old = cloud.start("DuringFlow", {"gate": gate}).reached("start")
    begun = job_definitions(cloud, "DuringFlow")
    assert len(begun) == 1

    def deploy(*changes: tuple[str, str], **options: Any) -> None:
        code = project.folder / FLOW
        for before, after in changes:
            assert before in code.read_text()
            code.write_text(code.read_text().replace(before, after))
        project.configure({"flow": FLOW, **options})
        project.up()
        assert old.status == "RUNNING"
        # what is left when the project is small: nobody may have removed what the execution still needs
        cloud.flowinfra(
            "local", "exec", "--", "flowinfra", "gc", project.stack, "--yes", cwd=project.folder
        ).succeeded()
        found = cloud.batch.describe_job_definitions(jobDefinitions=[f"{name}:1" for name in begun])["jobDefinitions"]
        assert [each["status"] for each in found] == ["ACTIVE"]

    deploy(('VERSION = "first"', 'VERSION = "second"'))
    deploy(image="python:3.12-slim")
    deploy(
        ("next(self.middle)", "next(self.late)"),
        ("    @step\n    def middle(self):\n        self.versions += [VERSION]\n        self.next(self.late)\n\n", ""),
        image="python:3.12-slim",
    )
    deploy(("self.late", "self.last"), ("def late", "def last"), image="python:3.12-slim")
    project.is_unchanged()

    new = cloud.start("DuringFlow")
    cloud.open_gate(gate)
    assert versions(cloud, old.ended(), tmp_path) == ["first", "first", "first", "first"]
    assert versions(cloud, new.ended(), tmp_path) == ["second", "second", "second"]
    assert [step.name for step in old.progress.steps] == ["start", "middle", "late", "end"]
    assert [step.name for step in new.progress.steps] == ["start", "last", "end"]
    assert images(cloud, new) == {"python:3.12-slim"}
    assert "python:3.12-slim" not in images(cloud, old)


def job_definitions(cloud: Cloud, state_machine: str) -> set[str]:
    """Names of the job definitions that the deployed definition names."""
    definition = json.loads(cloud.definition(state_machine))
    return {state["Parameters"]["JobDefinition"] for state in submitting_states(definition)}


def images(cloud: Cloud, execution: Execution) -> set[str]:
    """Images of an execution's jobs."""
    ids = [task.id for step in execution.progress.steps for task in step.tasks]
    used = [job["jobDefinition"] for job in cloud.batch.describe_jobs(jobs=ids)["jobs"]]
    found = cloud.batch.describe_job_definitions(jobDefinitions=used)["jobDefinitions"]
    assert found
    return {each["containerProperties"]["image"] for each in found}


def versions(cloud: Cloud, execution: Execution, folder: Path) -> Any:
    """The versions of the code that an execution's steps noted."""
    pathspec = f"DuringFlow/{execution.run_id}"
    cloud.flowinfra("local", "exec", "--", "flowinfra", "pull", pathspec, cwd=folder).succeeded()
    script = f"""
        from metaflow import Run, namespace
        namespace(None)
        answer(Run({pathspec!r}).data.versions)
    """
    return ask(script, cloud.environment, folder)
