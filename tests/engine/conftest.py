"""The real Pulumi engine against an embedded AWS, with inline programs.

`cloud` is one emulator for all tests of a worker, so tests use names of their own; `stack` makes stacks that are
destroyed with the test. With FLOWINFRA_AWS_PROVIDER=official the engine uses Pulumi's own aws plugin, which has to be
installed.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from pulumi import automation

from flowinfra.local import control, identity
from flowinfra.local.environment import IAM_SECONDS, environment
from flowinfra.local.state import HOME_VARIABLE, State
from tests.engine.project import Project

Program = Callable[[], None]


class Cloud:
    """An embedded AWS."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder)
        self._command("start", "--port", "0")
        self.instance = control.require(self.state)

    def stop(self) -> None:
        """End it."""
        self._command("stop")

    def _command(self, *arguments: str) -> None:
        subprocess.run(
            [str(Path(sys.executable).parent / "flowinfra"), "local", *arguments],
            env={**os.environ, HOME_VARIABLE: str(self.state.root)},
            check=True,
            stdout=subprocess.DEVNULL,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Variables for programs that work with it."""
        return environment(self.instance, self.state, os.environ)

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.instance.endpoint,
            region_name=identity.REGION,
            aws_access_key_id=identity.USER_KEY,
            aws_secret_access_key=identity.SECRET_KEY,
        )


class Stack:
    """A stack of the real engine. Each operation runs the program that was set last."""

    def __init__(self, cloud: Cloud, folder: Path, name: str, variables: dict[str, str]) -> None:
        self._environment = {**cloud.environment, **variables}
        # The Automation API looks for the CLI on this process' own PATH.
        os.environ["PATH"] = self._environment["PATH"]
        # and programs run in this process: how long they wait for roles is the emulator's to say
        os.environ[IAM_SECONDS] = self._environment[IAM_SECONDS]
        self.name = name
        self.automation = automation.create_or_select_stack(
            stack_name="test",
            project_name=name,
            program=lambda: None,
            opts=automation.LocalWorkspaceOptions(work_dir=str(folder), env_vars=self._environment),
        )
        self.messages: list[str] = []
        """Diagnostics of the last operation."""

    def up(self, program: Program, **options: Any) -> dict[str, str]:
        """Deploy; return what happened to each resource: name → op (create, update, replace, same, …)."""
        self.automation.workspace.program = program
        return self._operation(self.automation.up, **options)

    def preview(self, program: Program, **options: Any) -> dict[str, str]:
        """Preview; return what would happen to each resource."""
        self.automation.workspace.program = program
        return self._operation(self.automation.preview, **options)

    def refresh(self, **options: Any) -> dict[str, str]:
        """Refresh; return what was found for each resource (refresh where it is as before)."""
        return self._operation(self.automation.refresh, **options)

    def destroy(self) -> dict[str, str]:
        """Destroy all resources."""
        return self._operation(self.automation.destroy)

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state: name → resource, without stack and providers."""
        deployment: Any = self.automation.export_stack().deployment
        return {
            item["urn"].rsplit("::", 1)[-1]: item
            for item in deployment.get("resources", [])
            if not item["type"].startswith("pulumi:")
        }

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return {key: output.value for key, output in self.automation.outputs().items()}

    def _operation(self, operation: Callable[..., Any], **options: Any) -> dict[str, str]:
        steps: dict[str, str] = {}
        self.messages = []

        def note(event: automation.EngineEvent) -> None:
            if event.diagnostic_event is not None and event.diagnostic_event.severity != "debug":
                self.messages.append(event.diagnostic_event.message)
            found = event.res_outputs_event or event.resource_pre_event
            if found is None or found.metadata.type.startswith("pulumi:"):
                return
            name, op = found.metadata.urn.rsplit("::", 1)[-1], found.metadata.op.value
            # A replacement comes as several steps: the one that names it stays.
            if steps.get(name) != "replace":
                steps[name] = "replace" if "replace" in op else op

        try:
            operation(on_event=note, **options)
        finally:
            # The Automation API leaves the event loop of a program that failed open; see the mark below.
            gc.collect()
        return steps


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One embedded AWS for all tests of a worker."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud") / "state")
    try:
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project of the test's own, whose stack is destroyed with it."""
    monkeypatch.setenv("PATH", cloud.environment["PATH"])
    project = Project(cloud, tmp_path / "project", f"t{uuid.uuid4().hex[:8]}")
    yield project
    if (project.folder / ".made").exists():
        project.pulumi("cancel", "--yes")
        project.pulumi("destroy", "--yes", "--skip-preview")


@pytest.fixture
def stack(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stack]]:
    """Makes stacks: `stack()`, or `stack(VARIABLE="value")` for the engine's environment."""
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv(IAM_SECONDS, "0")
    made: list[Stack] = []

    def make(**variables: str) -> Stack:
        name = f"test-{uuid.uuid4().hex[:8]}"
        folder = tmp_path / name
        folder.mkdir()
        made.append(Stack(cloud, folder, name, variables))
        return made[-1]

    yield make
    for item in made:
        if item.resources():
            item.destroy()
